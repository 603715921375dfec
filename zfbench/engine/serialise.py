"""Traced programs as bytes, and back: a JSON header and raw arrays, a format that cannot execute.

What is read here was written by an untrusted process. Reading accepts exactly what `zfbench.engine.step` describes:
known operations with settings of the right kinds, numbers of values that exist by then, arrays that are there. Whether
shapes fit is checked when a graph is evaluated. A byte more or less, and reading ends with a sentence.

The bytes are a header's length (8 bytes, big-endian), the header, and the constants one after another (row-major,
little-endian). Equal programs have equal bytes, and the hash of a program is theirs.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zfbench.engine.operations import OPERATIONS, holds, natural
from zfbench.engine.step import (
    BYTES,
    CONSTANT_BYTES,
    DEPTH,
    EQUATIONS,
    KEY,
    NAME_LENGTH,
    RANK,
    Equation,
    Graph,
    Shaped,
    Traced,
)
from zfbench.records.program import CandidateError, Status

FORMAT = 1  # rises when the form of the bytes changes
ENGINE = f"graph of operations, format {FORMAT}"  # as results name it
HEADER_LIMIT = 2**24  # bytes
LIMIT = 8 + HEADER_LIMIT + CONSTANT_BYTES  # bytes of a program
VALUES = 200_000  # of one graph, and inputs of one equation
MOST = 2**40  # entries of an array that is not a constant


def to_bytes(traced: Traced) -> bytes:
    """The program's bytes."""
    arrays: list[NDArray[Any]] = []
    graphs = {name: _written(traced.graphs[name], arrays) for name in sorted(traced.graphs)}
    header = json.dumps(
        {"names": list(traced.names), "graphs": graphs}, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()
    body = b"".join(np.asarray(a, a.dtype.newbyteorder("<")).tobytes() for a in arrays)
    return len(header).to_bytes(8, "big") + header + body


def program_hash(traced: Traced) -> str:
    """SHA-256 (hex) of the program's bytes: equal for equal programs, within one version of JAX."""
    return hashlib.sha256(to_bytes(traced)).hexdigest()


def _written(graph: Graph, arrays: list[NDArray[Any]]) -> dict[str, Any]:
    arrays += graph.constants
    return {
        "inputs": [[s.dtype, *s.shape] for s in graph.inputs],
        "constants": [[str(c.dtype), *c.shape] for c in graph.constants],
        "equations": [
            [
                e.operation,
                list(e.inputs),
                [[s.dtype, *s.shape] for s in e.outputs],
                dict(e.settings),
                [_written(inside, arrays) for inside in e.graphs],
            ]
            for e in graph.equations
        ],
        "outputs": list(graph.outputs),
    }


def from_bytes(data: bytes, allowed: Mapping[str, Mapping[str, Any]]) -> Traced:
    """Read what an untrusted process wrote, and hold it against all limits.

    Args:
        data: the bytes.
        allowed: the operations that each function may use, by the name of the function; these functions must be there.

    Raises:
        CandidateError: error; the bytes are no program. Or as of `Traced.check`.
    """
    size = int.from_bytes(data[:8], "big")
    if len(data) < 8 or size > min(HEADER_LIMIT, len(data) - 8):
        raise _damaged("its header is not there")
    try:
        header = json.loads(data[8 : 8 + size], parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _damaged("its header is not JSON") from error
    _demand(isinstance(header, dict) and header.keys() == {"names", "graphs"}, "its header lacks a field")
    names, graphs = header["names"], header["graphs"]
    _demand(isinstance(graphs, dict) and graphs.keys() == allowed.keys(), "its functions are not those of a program")
    _demand(isinstance(names, list) and len(names) <= EQUATIONS, "its names are no list")
    _demand(all(isinstance(n, str) and len(n) <= NAME_LENGTH for n in names), "a name is not a short text")
    _demand(len(set(names)) == len(names), "two parameters have one name")
    reader = _Reader(memoryview(data)[8 + size :])
    read = {name: reader.graph(graphs[name], allowed[name], DEPTH) for name in sorted(graphs)}
    _demand(reader.at_end(), "it is longer than its constants")
    return Traced(read, tuple(names)).check()


class _Reader:
    """Reads graphs in the order in which their constants were written."""

    def __init__(self, body: memoryview) -> None:
        self._body = body
        self._offset = 0
        self._equations = 0

    def at_end(self) -> bool:
        """Whether all constants were read."""
        return self._offset == len(self._body)

    def graph(self, content: Any, allowed: Mapping[str, Any], depth: int) -> Graph:
        """One graph."""
        fields = {"inputs", "constants", "equations", "outputs"}
        _demand(isinstance(content, dict) and content.keys() == fields, "a graph lacks a field")
        _demand(all(isinstance(content[name], list) for name in fields), "a field of a graph is no list")
        _demand(depth > 0, "its loops are nested too deeply")
        _demand(len(content["inputs"]) + len(content["constants"]) <= VALUES, "a graph has too many values")
        inputs = tuple(_shaped(entry) for entry in content["inputs"])
        constants = tuple(self._constant(_shaped(entry)) for entry in content["constants"])
        known = len(inputs) + len(constants)
        equations = []
        for entry in content["equations"]:
            equations.append(self._equation(entry, known, allowed, depth))
            known += len(equations[-1].outputs)
        return Graph(inputs, constants, tuple(equations), _numbers(content["outputs"], known))

    def _equation(self, content: Any, known: int, allowed: Mapping[str, Any], depth: int) -> Equation:
        self._equations += 1
        _demand(self._equations <= EQUATIONS, "it has too many operations")
        _demand(isinstance(content, list) and len(content) == 5, "an operation is not described")
        operation, inputs, outputs, settings, graphs = content
        _demand(isinstance(operation, str) and operation in allowed, "an operation is not allowed")
        _demand(isinstance(outputs, list) and len(outputs) <= VALUES, "an operation has no list of results")
        kinds = OPERATIONS[operation]
        _demand(isinstance(settings, dict) and settings.keys() == kinds.keys(), f"'{operation}' lacks a setting")
        for name, kind in kinds.items():
            _demand(kind(settings[name]), f"'{operation}' has a strange {name}")
        _demand(isinstance(graphs, list) and holds(operation, len(graphs)), f"'{operation}' has no list of graphs")
        return Equation(
            operation,
            _numbers(inputs, known),
            tuple(_shaped(entry) for entry in outputs),
            settings,
            tuple(self.graph(entry, allowed, depth - 1) for entry in graphs),
        )

    def _constant(self, shaped: Shaped) -> NDArray[Any]:
        _demand(shaped.dtype != KEY, "a constant is a random key")
        _demand(shaped.nbytes <= len(self._body) - self._offset, "its constants are longer than it is")
        dtype = np.dtype(shaped.dtype).newbyteorder("<")
        piece = self._body[self._offset : self._offset + shaped.nbytes]
        held = np.frombuffer(bytes(piece), dtype).reshape(shaped.shape) if piece else np.zeros(shaped.shape, dtype)
        if shaped.dtype == "bool":
            _demand(bool((held.view(np.uint8) <= 1).all()), "a Boolean constant is neither true nor false")
        self._offset += shaped.nbytes
        return held.astype(shaped.dtype)


def _shaped(entry: Any) -> Shaped:
    _demand(isinstance(entry, list) and 1 <= len(entry) <= RANK + 1, "an array is not described")
    dtype, *shape = entry
    _demand(isinstance(dtype, str) and dtype in BYTES, "an array has an unknown dtype")
    _demand(all(map(natural, shape)) and math.prod(shape) <= MOST, "an array has no shape")
    return Shaped(dtype, tuple(shape))


def _numbers(entry: Any, known: int) -> tuple[int, ...]:
    _demand(isinstance(entry, list) and len(entry) <= VALUES, "numbers of values are no list")
    _demand(all(natural(number) and number < known for number in entry), "a value is read that is not there yet")
    return tuple(entry)


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _damaged(otherwise)


def _damaged(why: str) -> CandidateError:
    return CandidateError(Status.ERROR, f"The program's process sent a damaged step: {why}.")


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
