"""What passes between discoverer, proposer, evaluator and log: plain frozen records with a JSON form."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from zfbench.programs.contract import Status

ProgramId = str
Operator = Literal["seed", "mutate", "rewrite", "recombine", "repair"]
OPERATORS: tuple[str, ...] = get_args(Operator)


@dataclass(frozen=True)
class Spend:
    """What was used up, in the units of a budget; spends add up.

    Attributes:
        evaluations: programs trained and scored.
        updates: optimiser steps, over all candidates.
        device_seconds: seconds of training and scoring, summed over parallel workers.
        wall_seconds: seconds by the clock on the wall.
        tokens: of a language model, read and written.
        money: what these tokens cost, in the currency of the prices that the proposer was given.
    """

    evaluations: int = 0
    updates: int = 0
    device_seconds: float = 0.0
    wall_seconds: float = 0.0
    tokens: int = 0
    money: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"a spend of {name}={value} is not a finite number of at least 0")

    def __add__(self, other: Spend) -> Spend:
        return Spend(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})

    def minus(self, other: Spend) -> Spend:
        """What is left of this after `other`, each unit at least 0."""
        return Spend(**{f.name: max(getattr(self, f.name) - getattr(other, f.name), 0) for f in fields(self)})

    def to_json(self) -> dict[str, Any]:
        """JSON-compatible form; units of which nothing was used are left out."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Spend:
        """The inverse of `to_json`."""
        return cls(**content)


NOTHING = Spend()


@dataclass(frozen=True)
class Request:
    """A discoverer's wish for one new program.

    Attributes:
        id: 0, 1, 2, ... in the order of asking.
        operator: how the program is to be made; `seed` asks for the seed program itself.
        parents: programs to build on, each already told; the last is the one to start from, the others come
            before it in the order a reader should see them (ancestors oldest first, rivals weakest first).
        hints: short texts for the proposer, see `zfbench.search.hints`.
    """

    id: int
    operator: Operator
    parents: tuple[ProgramId, ...] = ()
    hints: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise ValueError(f"there is no operator {self.operator!r}; known are {', '.join(OPERATORS)}")

    def to_json(self) -> dict[str, Any]:
        """JSON-compatible form."""
        return {
            "id": self.id,
            "operator": self.operator,
            "parents": list(self.parents),
            "hints": list(self.hints),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Request:
        """The inverse of `to_json`."""
        return cls(content["id"], content["operator"], tuple(content["parents"]), tuple(content["hints"]))


@dataclass(frozen=True)
class Proposal:
    """A proposer's answer to a request.

    Attributes:
        source: the new program.
        summary: one or a few lines on what it changes and why.
        spend: what writing it used up, tokens above all.
        critique: of the last parent, if one was had on the way; it is kept with that program, for its other children.
    """

    source: str
    summary: str
    spend: Spend = NOTHING
    critique: str = ""


def normalise(source: str) -> str:
    """The source with Unix line ends, and without trailing blanks or blank lines at either end."""
    lines = [line.rstrip() for line in source.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return "\n".join(lines).strip("\n") + "\n"


@dataclass(frozen=True)
class Program:
    """A candidate: source text and where it came from.

    Attributes:
        source: what the contract of the task asks for.
        parents: the parents of the request that it answers.
        operator: the operator of that request.
        summary: the proposer's.
        id: SHA-256 (hex) of the normalised source; programs with equal ids are the same program.
    """

    source: str
    parents: tuple[ProgramId, ...] = ()
    operator: Operator = "seed"
    summary: str = ""
    id: ProgramId = field(init=False)

    def __post_init__(self) -> None:
        # A language model can write lone surrogates, which plain UTF-8 refuses.
        text = normalise(self.source).encode("utf-8", "surrogatepass")
        object.__setattr__(self, "id", hashlib.sha256(text).hexdigest())

    def to_json(self) -> dict[str, Any]:
        """JSON-compatible form."""
        return {
            "id": self.id,
            "source": self.source,
            "parents": list(self.parents),
            "operator": self.operator,
            "summary": self.summary,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Program:
        """The inverse of `to_json`; the id is computed anew.

        Raises:
            ValueError: the stored id is not that of the stored source.
        """
        program = cls(content["source"], tuple(content["parents"]), content["operator"], content["summary"])
        if program.id != content["id"]:
            raise ValueError(f"the source's id is {program.id}, but {content['id']} is written beside it")
        return program


@dataclass(frozen=True)
class Evaluation:
    """How a program fared; the only thing about it that a discoverer may base its choices on.

    Attributes:
        status: `ok`, or what went wrong.
        loss: validation loss, lower is better; a finite number if and only if the status is `ok`.
        log_likelihood: log p(observations | program) where the task defines it.
        metrics: further finite validation scores by name; an undefined score is absent.
        feedback: text for the next proposal, a function of program and scores alone.
        spend: what training and scoring used up.
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
        """Whether the program ran and has a loss."""
        return self.status == Status.OK

    def to_json(self) -> dict[str, Any]:
        """JSON-compatible form."""
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
        """The inverse of `to_json`."""
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
    """A program together with its evaluation, and with the critique of it, if a proposer has written one."""

    program: Program
    evaluation: Evaluation
    critique: str = ""
