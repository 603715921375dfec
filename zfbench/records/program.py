"""Candidate programs as records: the source, the identity, and how the evaluation ended."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, get_args

from zfbench.base.errors import ZfbenchError

ProgramId = str
Operator = Literal["seed", "mutate", "rewrite", "recombine", "repair"]
OPERATORS: tuple[str, ...] = get_args(Operator)


def normalise(source: str) -> str:
    """Return the source with Unix line ends, and without trailing blanks or blank lines at either end."""
    lines = [line.rstrip() for line in source.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return "\n".join(lines).strip("\n") + "\n"


@dataclass(frozen=True)
class Program:
    """A candidate program: its source and how it was made.

    Attributes:
        source: source text, as the contract of the task demands.
        parents: the parents of the request that it answers.
        operator: the operator of that request.
        summary: the proposer's summary.
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
        """Return a JSON-compatible form."""
        return {
            "id": self.id,
            "source": self.source,
            "parents": list(self.parents),
            "operator": self.operator,
            "summary": self.summary,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Program:
        """Read the form that `to_json` returns, and compute the id again.

        Raises:
            ValueError: the stored id is not that of the stored source.
        """
        program = cls(content["source"], tuple(content["parents"]), content["operator"], content["summary"])
        if program.id != content["id"]:
            raise ValueError(f"the source's id is {program.id}, but {content['id']} is written beside it")
        return program


class Status(StrEnum):
    """The ways in which the evaluation of a candidate can end."""

    OK = "ok"
    INVALID = "invalid"
    ERROR = "error"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    NON_FINITE = "non_finite"
    MASK_VIOLATION = "mask_violation"
    NOT_REPEATABLE = "not_repeatable"


class CandidateError(ZfbenchError):
    """The failure of a candidate, with one sentence that may be shown to its author.

    Attributes:
        status: any `Status` but `ok`.
        message: the sentence.
        printed: text that its process had printed before, shortened.
    """

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.printed = ""
