"""The task's specification and what a search works with: the table, all of which it may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zfbench.protocols.space import Slot
from zfbench.records.program import CandidateError, Program, Status
from zfbench.tasks.zfish_table.table import Table


@dataclass(frozen=True, eq=False)
class TableSpec:
    """Everything that an author of programs may know; implements `zfbench.protocols.task.Spec`.

    Attributes:
        name: name of the task.
        table: the programs. A proposer uses their choices and sources, never their evaluations.
    """

    name: str
    table: Table

    @property
    def description(self) -> str:
        """The system and the question of the task that the programs were evaluated on, and that this is a table."""
        return (
            f"{self.table.facts.description} Programs come from a finite list of {len(self.candidates):,}, each of "
            f"which was trained once with {self.table.facts.updates} updates on {self.table.facts.task}; an evaluation "
            "looks it up."
        )

    @property
    def contract(self) -> str:
        """The definitions that a program contains, and that only listed programs are accepted."""
        return f"{self.table.facts.contract}\nOnly the listed programs are accepted, to the letter."

    @property
    def groups(self) -> tuple[str, ...]:
        """The neuron groups, an entry for each neuron."""
        return self.table.facts.groups

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The decisions that every program takes."""
        return self.table.slots

    @property
    def candidates(self) -> tuple[str, ...]:
        """The source of every program."""
        return self.table.programs

    def facts(self) -> dict[str, str]:
        """Return the decisions with their choices."""
        return {
            slot.name: ", ".join(slot.choices[k] for k in some)
            for slot, some in zip(self.slots, self.table.choices, strict=True)
        }

    def check(self, source: str) -> None:
        """Check that a source is one of the listed programs.

        Raises:
            CandidateError: invalid; it is none.
        """
        self.find(Program(source).id)

    def find(self, program: str) -> int:
        """Return the place of a program in the table.

        Args:
            program: id of the program.

        Raises:
            CandidateError: invalid; the table does not have it.
        """
        place = self.table.place.get(program)
        if place is None:
            raise CandidateError(
                Status.INVALID,
                f"The program is none of the {len(self.candidates):,} of the table of '{self.name}', which evaluates "
                "nothing else; use the proposer `table`.",
            )
        return place

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-compatible form, with the hash of the table in place of its content."""
        return {
            "name": self.name,
            "description": self.description,
            "contract": self.contract,
            "groups": list(self.groups),
            "slots": self.facts(),
            "table_sha256": self.table.sha256,
        }


@dataclass(frozen=True, eq=False)
class TableTask:
    """The part of the task that a search receives; implements `zfbench.protocols.task.SearchTask`.

    Attributes:
        spec: everything that programs may know.
        reevaluate: False; a program has one evaluation.
    """

    spec: TableSpec
    reevaluate: bool = False

    @property
    def seed_program(self) -> str:
        """The source of the program that searches start from."""
        table = self.spec.table
        return table.sources[table.start]

    @property
    def data_sha256(self) -> str:
        """Hash of the table."""
        return self.spec.table.sha256
