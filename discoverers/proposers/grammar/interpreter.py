"""Every program of the grammar at once: one program that reads from its parameters which parts count for whom.

What is a constant in a rendered program, the groups that make a choice, is here a row of the parameter `genes`, which
no gradient reaches. The lines of the step are those of all rendered programs, so a rendered program and the
interpreter with its genes do the same arithmetic; but this source never changes, so that it is compiled once. There
is one for programs with hidden state, and a smaller one for those without.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zfbench.discoverers.proposers.grammar.blocks import EVERYONE, Members, step_lines
from zfbench.discoverers.proposers.grammar.genotype import Choice, Genotype
from zfbench.discoverers.proposers.grammar.render import INDENT, write
from zfbench.records.recordings import TaskSpec

GENES = "genes"  # the parameter
MEMBERS = '''\
    def members(self, row):
        """Whether each neuron makes the choice of a row of the genes: [N]."""
        return self.get_variable("params", "genes")[row] > 0.5
'''


class Interpreter(Members):
    """The source of the interpreter, and the genes that make it a given program.

    Attributes:
        source: a program of the contract.
    """

    def __init__(self, recurrent: bool) -> None:
        """Leave memory out unless recurrent."""
        super().__init__()
        self._recurrent = recurrent
        self._rows: list[tuple[str, tuple[Choice, ...]]] = []  # who makes these choices of a gene
        step_lines(self)  # asks for all of them
        self.source = self._write(len(self._rows) + 1)

    def _write(self, rows: int) -> str:
        return write(
            self,
            title="One step of every neuron, by the genes of its group.",
            mark="# Reads from the parameter `genes` who makes which choice.",
            prologue="",
            members=MEMBERS,
            opening=(
                f'{INDENT}self.param("genes", nn.initializers.zeros, ({rows}, len(self.spec.neurons)))\n'
                f"{INDENT}{EVERYONE} = {rows - 1}\n"
            ),
        )

    def find(self, gene: str, choices: tuple[Choice, ...]) -> str:
        """The row of the genes."""
        if gene == "memory" and not self._recurrent:
            return ""
        if (gene, choices) not in self._rows:
            self._rows.append((gene, choices))
        return str(self._rows.index((gene, choices)))

    def genes(self, genotype: Genotype, spec: TaskSpec) -> NDArray[np.float32]:
        """Who makes which choice in a program: [rows, N]; the last row is everyone."""
        chosen = [[getattr(genotype.block(g), gene) in choices for g in spec.groups] for gene, choices in self._rows]
        return np.asarray([*chosen, [True] * len(spec.groups)], np.float32)
