"""What a program and its author may know of any task."""

from __future__ import annotations

from typing import Any, Protocol


class Spec(Protocol):
    """What a program and its author may know of any task; plain data.

    Attributes:
        name: the task's full name.
        description: the system and the question, for people and for language models.
        contract: what a program's source must define.
        groups: the parts that an error can be blamed on, an entry for each unit; empty where there are none.
        candidates: source of the only programs there are, where a task has a finite list of them; else empty.
    """

    @property
    def name(self) -> str:
        """The task's full name."""
        ...

    @property
    def description(self) -> str:
        """The system and the question."""
        ...

    @property
    def contract(self) -> str:
        """What a program's source must define."""
        ...

    @property
    def groups(self) -> tuple[str, ...]:
        """The parts that an error can be blamed on."""
        ...

    @property
    def candidates(self) -> tuple[str, ...]:
        """The only programs there are; empty where programs are not listed."""
        ...

    def facts(self) -> dict[str, str]:
        """What else an author should know, by heading."""
        ...

    def check(self, source: str) -> None:
        """Check what can be seen without running a program.

        Raises:
            CandidateError: invalid; it breaks the contract.
        """
        ...

    def to_json(self) -> dict[str, Any]:
        """JSON-compatible form."""
        ...
