"""The interface of specifications: everything that a program and its author may know of a task."""

from __future__ import annotations

from typing import Any, Protocol


class Spec(Protocol):
    """Everything that a program and its author may know of a task; plain data.

    Attributes:
        name: the task's full name.
        description: the system and the question, for people and for language models.
        contract: description of the definitions that a program's source must contain.
        groups: the parts that an error can be attributed to, an entry for each unit; empty where there are none.
        candidates: sources of all possible programs, if a task has a finite list of them; else empty.
    """

    @property
    def name(self) -> str:
        """The task's full name."""
        ...

    @property
    def description(self) -> str:
        """A description of the system and of the question."""
        ...

    @property
    def contract(self) -> str:
        """The definitions that a program's source must contain."""
        ...

    @property
    def groups(self) -> tuple[str, ...]:
        """The parts that an error can be attributed to, an entry for each unit; empty where there are none."""
        ...

    @property
    def candidates(self) -> tuple[str, ...]:
        """The sources of all possible programs; empty where programs are not listed."""
        ...

    def facts(self) -> dict[str, str]:
        """Return further facts for authors of programs, by heading."""
        ...

    def check(self, source: str) -> None:
        """Check everything in a source that can be checked without running it.

        Raises:
            CandidateError: invalid; the source breaks the contract.
        """
        ...

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-compatible form."""
        ...
