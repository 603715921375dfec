"""What a candidate computes, as data: graphs of allow-listed operations on arrays, with limits and a hash.

A graph is what `jax.make_jaxpr` traces, made canonical: calls are inlined, results that nobody reads are dropped, equal
constants are one, and values have numbers instead of names. It holds no Python of the candidate and can express no
effect, so a process that evaluates it needs no protection from it, but for the limits on its size that stand here.

This module knows neither JAX nor any kind of task. Operations and their settings are listed in
`zfbench.engine.operations`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from zfbench.records.program import CandidateError, Status

KEY = "key"  # dtype of JAX's random keys (threefry), which are no numbers
BYTES = {
    **{"bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "float16": 2},
    **{"int32": 4, "uint32": 4, "float32": 4, KEY: 8},
}
EQUATIONS = 20_000  # in all graphs of a program together
OPERATIONS = 2**27  # arithmetic operations of one row of one graph, loops multiplied out
PARAMETERS = 4_000_000  # trainable numbers
CONSTANT_BYTES = 2**24  # of all constants of a program
VALUE_BYTES = 2**28  # of all intermediate results of one row of one graph, loops counted once
DEPTH = 8  # of loops inside loops
RANK = 12  # of an array
NAME_LENGTH = 200  # of a parameter's name


@dataclass(frozen=True)
class Shaped:
    """What is known of an array before it is computed.

    Attributes:
        dtype: a key of `BYTES`.
        shape: sizes of its axes.
    """

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all entries."""
        return self.size * BYTES[self.dtype]

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


@dataclass(frozen=True, eq=False)
class Equation:
    """One operation of a graph.

    Attributes:
        operation: its name, a key of `zfbench.engine.operations.OPERATIONS`.
        inputs: numbers of the values it reads.
        settings: JSON-compatible, as the table of operations says.
        graphs: what loops and branches hold.
        outputs: what it yields.
    """

    operation: str
    inputs: tuple[int, ...]
    outputs: tuple[Shaped, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    graphs: tuple[Graph, ...] = ()


@dataclass(frozen=True, eq=False)
class Graph:
    """A function of arrays. Its values are numbered: inputs, then constants, then the results of the equations in turn.

    Attributes:
        inputs: what it reads.
        constants: arrays that it holds.
        equations: in an order in which they can be evaluated.
        outputs: numbers of the values that it yields.
    """

    inputs: tuple[Shaped, ...]
    constants: tuple[NDArray[Any], ...]
    equations: tuple[Equation, ...]
    outputs: tuple[int, ...]

    def values(self) -> list[Shaped]:
        """All values in the order of their numbers."""
        constants = [Shaped(str(c.dtype), c.shape) for c in self.constants]
        return [*self.inputs, *constants, *(out for equation in self.equations for out in equation.outputs)]

    @property
    def results(self) -> tuple[Shaped, ...]:
        """What it yields."""
        values = self.values()
        return tuple(values[number] for number in self.outputs)

    def below(self) -> Iterator[Graph]:
        """This graph and all graphs inside it."""
        yield self
        for equation in self.equations:
            for graph in equation.graphs:
                yield from graph.below()

    def operations(self) -> int:
        """Arithmetic operations of one evaluation: loops multiplied out, every branch counted, `while` counted once.

        Of a graph that does not fit together it is some number.
        """
        values = self.values()
        total = 0
        for equation in self.equations:
            inside = sum(graph.operations() for graph in equation.graphs)
            sizes = [values[number].size for number in equation.inputs] + [out.size for out in equation.outputs]
            here = max((1, *sizes))
            if equation.operation == "scan":
                here += equation.settings["length"] * max(inside, 1)
            elif equation.operation == "dot_general" and equation.inputs:
                left = values[equation.inputs[0]].shape
                summed = (left[axis] for axis in equation.settings["contract_left"] if axis < len(left))
                here = 2 * math.prod(summed) * sum(out.size for out in equation.outputs)
            else:
                here += inside
            total += here
        return total

    def value_bytes(self) -> int:
        """Bytes of all results inside, each counted once."""
        return sum(out.nbytes for graph in self.below() for e in graph.equations for out in e.outputs)


@dataclass(frozen=True, eq=False)
class Traced:
    """All that is kept of a candidate: its functions as graphs.

    Attributes:
        graphs: by the name of the function.
        names: of its parameters, in the order in which graphs read and yield them; empty where it has none.
    """

    graphs: Mapping[str, Graph]
    names: tuple[str, ...] = ()

    def check(self) -> Traced:
        """Hold it against the limits; returns itself.

        Raises:
            CandidateError: invalid, or out_of_memory where its arrays are too large; says which limit, and by how much.
        """
        graphs = [inside for graph in self.graphs.values() for inside in graph.below()]
        count = sum(len(graph.equations) for graph in graphs)
        if count > EQUATIONS:
            raise _exceeds(f"The program has {count:,} operations after tracing", EQUATIONS)
        held = sum(constant.nbytes for graph in graphs for constant in graph.constants)
        if held > CONSTANT_BYTES:
            raise _exceeds(f"The program's constants take {held:,} bytes", CONSTANT_BYTES)
        for name, graph in self.graphs.items():
            if (needed := graph.value_bytes()) > VALUE_BYTES:
                raise CandidateError(
                    Status.OUT_OF_MEMORY,
                    f"The arrays of `{name}` take {needed:,} bytes of memory for one row; at most {VALUE_BYTES:,} are "
                    "accepted.",
                )
            if (counted := graph.operations()) > OPERATIONS:
                raise _exceeds(f"`{name}` takes {counted:,} arithmetic operations for one row", OPERATIONS)
        return self


def _exceeds(what: str, limit: int) -> CandidateError:
    return CandidateError(Status.INVALID, f"{what}; at most {limit:,} are accepted.")
