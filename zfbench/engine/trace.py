"""Tracing: a function of JAX becomes a graph. This runs beside the candidate, inside the sandbox.

Calls are inlined. Functions of JAX with a derivative of their own (`jax.custom_jvp`) are kept where it differs from the
derivative of their body, which is at ties: softplus and relu at zero. The others, such as softmax, are inlined. A
derivative that a program defines would be lost, so it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import Literal

from zfbench.engine.operations import DERIVED, OPERATIONS, RANDOM, SHARED
from zfbench.engine.step import BYTES, KEY, Equation, Graph, Shaped
from zfbench.records.program import CandidateError, Status
from zfbench.sandbox.worker import FILENAME

CALLS = {  # operations that do nothing but call a function, and where they hold it
    **dict.fromkeys(("jit", "pjit", "checkpoint", "remat", "remat2"), "jaxpr"),
    **dict.fromkeys(("closed_call", "core_call", "custom_jvp_call", "custom_vjp_call"), "call_jaxpr"),
}
IDENTITIES = ("copy", "copy_p", "device_put", "optimization_barrier", "random_clone")
IGNORED = (  # change no value; the operation, or the dtype of the result, says what they mean
    *("weak_type", "unroll", "linear", "_split_transpose", "branches_platforms", "update_jaxpr", "update_consts"),
    "impl",
)
LOOPS = ("scan", "while", "cond")
STRANGE = {
    "while": "the number of turns of a loop must be known in advance, as in lax.scan or lax.fori_loop(0, 3, ...)",
    **dict.fromkeys(
        ("pure_callback", "io_callback", "debug_callback", "debug_print"), "nothing can be called back into Python"
    ),
    **dict.fromkeys(RANDOM.keys() - {"while", "qr"}, "a step draws no random numbers"),
}


def trace(
    function: Callable[..., Any], *inputs: Any, name: str, allowed: Mapping[str, Any] = SHARED
) -> tuple[Graph, Any]:
    """The graph of a function, and the tree of its results.

    Args:
        function: of trees of arrays; it is called once.
        inputs: its arguments as trees of `jax.ShapeDtypeStruct`; the graph reads their leaves in order.
        name: of the function, for error messages.
        allowed: operations that it may use.

    Raises:
        CandidateError: invalid; it uses an operation that is not allowed, or an array of a dtype that is not.
    """
    closed, shapes = jax.make_jaxpr(function, return_shape=True)(*inputs)
    builder = _Builder(name, allowed)
    numbers = [builder.value(_shaped(variable.aval, name)) for variable in closed.jaxpr.invars]
    outputs = builder.run(closed.jaxpr, closed.consts, numbers)
    if closed.effects:
        raise _refused(name, f"the effect {sorted(map(str, closed.effects))[0]}", "it may compute and nothing else")
    return builder.graph(numbers, outputs), shapes


class _Builder:
    """Collects the equations of one graph."""

    def __init__(self, name: str, allowed: Mapping[str, Any]) -> None:
        self._name, self._allowed = name, allowed
        self._shapes: list[Shaped] = []
        self._constants: dict[int, np.ndarray] = {}
        self._known: dict[tuple[str, tuple[int, ...], bytes], int] = {}  # constants by what they hold
        self._equations: list[tuple[Equation, list[int]]] = []  # with the numbers of its outputs

    def value(self, shaped: Shaped) -> int:
        """A new value."""
        self._shapes.append(shaped)
        return len(self._shapes) - 1

    def constant(self, held: Any, aval: Any = None) -> int:
        """The value of a constant, of its own dtype or as `aval` says; equal constants are one."""
        shaped = _shaped(aval or jax.typeof(held), self._name)
        if shaped.dtype == KEY:
            raise _refused(
                self._name, "a random key that was made outside", "make the key inside it, as jax.random.key(0)"
            )
        array = np.asarray(held, shaped.dtype)
        key = (shaped.dtype, shaped.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = self.value(shaped)
            self._constants[self._known[key]] = array
        return self._known[key]

    def run(self, jaxpr: Any, consts: Sequence[Any], arguments: Sequence[int]) -> list[int]:
        """Add the equations of a jaxpr that reads these values; returns the numbers of its results."""
        scope = dict(zip(jaxpr.invars, arguments, strict=True))
        scope |= {variable: self.constant(held) for variable, held in zip(jaxpr.constvars, consts, strict=True)}

        def number(atom: Any) -> int:
            return self.constant(atom.val, atom.aval) if isinstance(atom, Literal) else scope[atom]

        for equation in jaxpr.eqns:
            results = self._add(equation, [number(atom) for atom in equation.invars])
            scope |= dict(zip(equation.outvars, results, strict=True))
        return [number(atom) for atom in jaxpr.outvars]

    def _add(self, equation: Any, inputs: list[int]) -> list[int]:
        operation, params = equation.primitive.name, equation.params
        if operation in IDENTITIES:
            return inputs
        if operation in CALLS:
            called = params[CALLS[operation]]
            if operation.startswith("custom"):
                operation = self._derived(equation, called)
            if operation not in DERIVED:
                return self.run(getattr(called, "jaxpr", called), getattr(called, "consts", ()), inputs)
        if operation == "platform_index":  # the branch for any device
            return [self.constant(np.int32(_branch(params["platforms"])))]
        if operation == "cond" and inputs[0] in self._constants:
            chosen = params["branches"][int(np.clip(self._constants[inputs[0]], 0, len(params["branches"]) - 1))]
            return self.run(chosen.jaxpr, chosen.consts, inputs[1:])
        if operation not in self._allowed:
            why = STRANGE.get(operation, "it is not among those that can be carried out")
            raise _refused(self._name, f"the operation '{operation}'{_line(equation)}", why)
        outputs = tuple(_shaped(variable.aval, self._name) for variable in equation.outvars)
        graphs: tuple[Graph, ...] = ()
        if operation in LOOPS:
            settings, held = _loop(operation, params)
            graphs = tuple(self._inside(closed) for closed in held)
        else:
            settings = {} if operation in DERIVED else _settings(operation, params)
        for name, kind in OPERATIONS[operation].items():
            if not kind(settings[name]):
                raise _refused(self._name, f"'{operation}' with {name} = {settings[name]!r:.80}", "it is not supported")
        numbers = [self.value(shaped) for shaped in outputs]
        self._equations.append((Equation(operation, tuple(inputs), outputs, settings, graphs), numbers))
        return numbers

    def _inside(self, closed: Any) -> Graph:
        builder = _Builder(self._name, self._allowed)
        numbers = [builder.value(_shaped(variable.aval, self._name)) for variable in closed.jaxpr.invars]
        return builder.graph(numbers, builder.run(closed.jaxpr, closed.consts, numbers))

    def _derived(self, equation: Any, called: Any) -> str:
        """What a function with a derivative of its own becomes: an operation of its name, or a call."""
        about = str(getattr(called, "jaxpr", called).debug_info.func_src_info)
        if FILENAME in about:
            raise _refused(
                self._name,
                f"a custom derivative{_line(equation)}",
                "build it from jax.lax.stop_gradient instead of jax.custom_jvp or jax.custom_vjp",
            )
        known = about.partition(" at ")[0]
        return known if known in DERIVED and "/jax/" in about else "call"

    def graph(self, inputs: Sequence[int], outputs: Sequence[int]) -> Graph:
        """What was collected, without the equations that nobody reads, numbered anew."""
        needed, kept = set(outputs), []
        for equation, numbers in reversed(self._equations):
            if not needed.isdisjoint(numbers):
                needed |= set(equation.inputs)
                kept.append((equation, numbers))
        kept.reverse()
        read = [number for equation, _ in kept for number in equation.inputs]
        constants = [n for n in dict.fromkeys([*read, *outputs]) if n in self._constants]  # in the order of first use
        order = [*inputs, *constants, *(number for _, numbers in kept for number in numbers)]
        new = {number: place for place, number in enumerate(order)}
        return Graph(
            inputs=tuple(self._shapes[n] for n in inputs),
            constants=tuple(self._constants[n] for n in constants),
            equations=tuple(
                Equation(e.operation, tuple(new[n] for n in e.inputs), e.outputs, e.settings, e.graphs) for e, _ in kept
            ),
            outputs=tuple(new[n] for n in outputs),
        )


def _shaped(aval: Any, name: str) -> Shaped:
    dtype = aval.dtype
    key = jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key)
    text = KEY if key else str(dtype)
    if text not in BYTES or (key and str(dtype) != "key<fry>"):
        known = ", ".join(sorted(BYTES.keys() - {KEY}))
        raise _refused(name, f"an array of {dtype}", f"the supported types are {known}")
    return Shaped(text, tuple(int(n) for n in aval.shape))


def _settings(operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """JAX's parameters of an operation in the form of `OPERATIONS`; what the table does not name must be unset."""
    params = dict(params)
    numbers = params.pop("dimension_numbers", None)
    if operation == "dot_general":
        (left, right), (batch_left, batch_right) = numbers
        params |= {"contract_left": left, "contract_right": right, "batch_left": batch_left, "batch_right": batch_right}
    elif numbers is not None:
        params |= numbers._asdict()
    if operation == "pad":
        low, high, interior = zip(*params.pop("padding_config"), strict=True)
        params |= {"low": low, "high": high, "interior": interior}
    known = OPERATIONS[operation]
    for name, value in params.items():
        unset = value is None or value is False or (isinstance(value, tuple) and not value)
        if not (unset or name in known or name in IGNORED):
            raise CandidateError(Status.INVALID, f"The operation '{operation}' is not supported with {name}.")
    return {name: _plain(params[name]) for name in known}


def _loop(operation: str, params: Mapping[str, Any]) -> tuple[dict[str, Any], Sequence[Any]]:
    """Settings and closed jaxprs of a loop or a branch."""
    settings = {name: _plain(params[name]) for name in OPERATIONS[operation]}
    if operation == "cond":
        return settings, params["branches"]
    if operation == "scan":
        return settings, [params["jaxpr"]]
    return settings, [params["cond_jaxpr"], params["body_jaxpr"]]


def _plain(value: Any) -> Any:
    """A setting as JSON; enumerations by name, or by number where they are numbers."""
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.dtype):
        return str(value)
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else str(float(value))
    return str(getattr(value, "name", value))


def _branch(platforms: Any) -> int:
    """Of a choice by device: the branch for any device, or for a CPU."""
    named = [place for place, names in enumerate(platforms) if names is None or "cpu" in names]
    return named[-1] if named else 0


def _line(equation: Any) -> str:
    """Where the program asks for it."""
    trace = equation.source_info.traceback
    lines = [f.line_num for f in trace.frames if f.file_name == FILENAME] if trace else []
    return f" at line {lines[0]} of the source" if lines else ""


def _refused(name: str, what: str, why: str) -> CandidateError:
    return CandidateError(Status.INVALID, f"`{name}` uses {what}: {why}.")
