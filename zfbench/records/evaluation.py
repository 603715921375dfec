"""Records that discoverer, proposer, evaluator and event log exchange: immutable, with a JSON form."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from zfbench.records.program import OPERATORS, Operator, Program, ProgramId, Status
from zfbench.records.spend import NOTHING, Spend


@dataclass(frozen=True)
class Request:
    """A discoverer's request for one new program.

    Attributes:
        id: 0, 1, 2, ... in the order of asking.
        operator: the way in which the program is to be made; `seed` asks for the seed program itself.
        parents: programs to build on, all of which have been evaluated; the last is the one to start from, and the
            others come before it in the order in which a reader should see them (ancestors oldest first, rivals weakest
            first).
        hints: short texts for the proposer; `zfbench.records.hints` describes their form.
    """

    id: int
    operator: Operator
    parents: tuple[ProgramId, ...] = ()
    hints: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise ValueError(f"there is no operator {self.operator!r}; known are {', '.join(OPERATORS)}")

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-compatible form."""
        return {
            "id": self.id,
            "operator": self.operator,
            "parents": list(self.parents),
            "hints": list(self.hints),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Request:
        """Read the form that `to_json` returns."""
        return cls(content["id"], content["operator"], tuple(content["parents"]), tuple(content["hints"]))


@dataclass(frozen=True)
class Exchange:
    """One call of a language model: the prompt that was sent, and the answer.

    Attributes:
        messages: role and text of each message.
        answer: the unchanged text of the answer; empty if there was none.
        note: sentence on how the call ended and how many resources it used up.
    """

    messages: tuple[tuple[str, str], ...]
    answer: str = ""
    note: str = ""

    def text(self) -> str:
        """Return the exchange as text for people."""
        parts = [f"=== {role} ===\n{content.rstrip()}" for role, content in self.messages]
        if self.answer or self.note:
            parts.append(f"=== answer{f' ({self.note})' if self.note else ''} ===\n{self.answer.rstrip()}")
        return "\n\n".join(parts) + "\n"


@dataclass(frozen=True)
class Proposal:
    """A proposer's answer to a request.

    Attributes:
        source: the new program.
        summary: one or a few lines on what it changes and why.
        spend: resources that writing it used up, above all tokens.
        critique: critique of the last parent, if one was written; it is kept with that program, for its other children.
        exchanges: the calls that were made, to be kept in the run's folder.
    """

    source: str
    summary: str
    spend: Spend = NOTHING
    critique: str = ""
    exchanges: tuple[Exchange, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """The result of training and scoring a program; a discoverer may base its choices on nothing else.

    Attributes:
        status: `ok`, or what went wrong.
        loss: validation loss, for which lower is better; a finite number if and only if the status is `ok`.
        log_likelihood: log p(observations | program) where the task defines it.
        metrics: further finite validation scores by name; an undefined score is absent.
        feedback: text for the next proposal, a function of program and scores alone.
        spend: resources that training and scoring used up.
    """

    status: Status
    loss: float | None = None
    log_likelihood: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    feedback: str = ""
    spend: Spend = NOTHING

    def __post_init__(self) -> None:
        if self.ok != (self.loss is not None):
            raise ValueError(f"an evaluation with status {self.status} has loss {self.loss}")
        scores = {"loss": self.loss, "log_likelihood": self.log_likelihood, **self.metrics}
        for name, value in scores.items():
            if value is not None and not math.isfinite(value):
                raise ValueError(f"{name} is {value}: leave undefined scores out, or give another status than ok")

    @property
    def ok(self) -> bool:
        """True if the program ran and has a loss."""
        return self.status == Status.OK

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-compatible form."""
        return {
            "status": str(self.status),
            "loss": self.loss,
            "log_likelihood": self.log_likelihood,
            "metrics": self.metrics,
            "feedback": self.feedback,
            "spend": self.spend.to_json(),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Evaluation:
        """Read the form that `to_json` returns."""
        return cls(
            Status(content["status"]),
            content["loss"],
            content["log_likelihood"],
            content["metrics"],
            content["feedback"],
            Spend.from_json(content["spend"]),
        )


@dataclass(frozen=True)
class Scored:
    """A program with its evaluation, and with a critique of it if a proposer has written one."""

    program: Program
    evaluation: Evaluation
    critique: str = ""


FITTED = "log_fitted"  # metric: log likelihood of the observations, each at the parameters fitted to it
STANDARDISED_MSE = "standardised_mse"  # metric: squared error at fitted constants, in units of each variance


@dataclass(frozen=True)
class Generation:
    """A population of programs at the end of a generation.

    Attributes:
        programs: id of each member's program.
        resampled: True if the generation began by drawing its members from the one before.
    """

    programs: tuple[ProgramId, ...]
    resampled: bool
