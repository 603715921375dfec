"""One program that computes any program of the grammar, selected by parameters that say which parts each neuron has.

In a rendered program, constants list the groups that make a choice. In the interpreter, rows of the parameter `genes`
say the same, and no gradient reaches them. The lines of the step are those of all rendered programs, so a rendered
program and the interpreter with its genes do the same arithmetic. The source of the interpreter never changes, however,
so that it is compiled only once. There is one interpreter for programs with hidden state, and a smaller one for those
without.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zfbench.discoverers.proposers.grammar.blocks import EVERYONE, GroupSelection, step_lines
from zfbench.discoverers.proposers.grammar.genotype import Choice, Genotype
from zfbench.discoverers.proposers.grammar.render import INDENT, write
from zfbench.records.recordings import TaskSpec

GENES = "genes"  # name of the parameter
MEMBERS = '''\
    def members(self, row):
        """Whether each neuron makes the choice of a row of the genes: [N]."""
        return self.get_variable("params", "genes")[row] > 0.5
'''


class Interpreter(GroupSelection):
    """The source of the interpreter, and the genes that turn it into a given program.

    Attributes:
        source: a program of the contract.
    """

    def __init__(self, recurrent: bool) -> None:
        """Write the source, without memory unless `recurrent` is True."""
        super().__init__()
        self._recurrent = recurrent
        self._rows: list[tuple[str, tuple[Choice, ...]]] = []  # gene and choices of each row
        step_lines(self)  # adds a row for every selection of groups
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
        """Return the number of the row of the genes that says which neurons make these choices."""
        if gene == "memory" and not self._recurrent:
            return ""
        if (gene, choices) not in self._rows:
            self._rows.append((gene, choices))
        return str(self._rows.index((gene, choices)))

    def genes(self, genotype: Genotype, spec: TaskSpec) -> NDArray[np.float32]:
        """Return the genes of a program, [rows, N]: True if the neuron makes the choice of the row.

        The last row is True for every neuron.
        """
        chosen = [[getattr(genotype.block(g), gene) in choices for g in spec.groups] for gene, choices in self._rows]
        return np.asarray([*chosen, [True] * len(spec.groups)], np.float32)
