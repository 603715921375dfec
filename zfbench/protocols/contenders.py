"""The contest that the author of a family of tasks gives to `zfbench identify`: the planted truth and its rivals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Kind = Literal["truth", "seed", "added", "removed", "alternative", "generic"]
Scale = Literal["ratio", "difference"]


@dataclass(frozen=True)
class Contender:
    """A program that is scored beside the truth.

    Attributes:
        name: what it is, in a few words; for `added` and `removed`, the feature.
        kind: `truth`, the form that made the data; `seed`, where searches begin, the first of which is the one that
            features are added to; `added`, a true feature added to that seed; `removed`, the truth without that
            feature; `alternative`, another mechanism of the same kind, such as the truth with one part replaced, or
            another candidate that the task lists; `generic`, an approximator that knows nothing of the truth.
        source: the program.
    """

    name: str
    kind: Kind
    source: str


@dataclass(frozen=True)
class Contest:
    """All programs that a task's selection signal has to rank, and the signals to compare.

    Attributes:
        contenders: exactly one of them is the truth.
        objective: what the task's loss is called.
        others: further losses, as the name of each and the metric of evaluations that holds it.
        scale: how two losses are compared: `ratio`, errors, by their logarithms; `difference`, minus log-likelihoods,
            in nats.
    """

    contenders: tuple[Contender, ...]
    objective: str
    others: Mapping[str, str] = field(default_factory=dict)
    scale: Scale = "ratio"

    def __post_init__(self) -> None:
        kinds = [contender.kind for contender in self.contenders]
        if kinds.count("truth") != 1:
            raise ValueError(f"a contest has one true program, not {kinds.count('truth')}")
        labels = [(contender.kind, contender.name) for contender in self.contenders]
        if len(set(labels)) != len(labels):
            raise ValueError("contenders of one kind need different names")


class Contenders(Protocol):
    """The contest of every task of a family; entries of the group `zfbench.contenders`, named like the family."""

    def __call__(self, task: Any) -> Contest:
        """Return the contest of a task.

        Raises:
            ZfbenchError: the task has no truth that a program could say.
        """
        ...
