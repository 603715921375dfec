"""A graph as a function of JAX again: it can be mapped, differentiated and compiled like any other.

Every operation is called by the public function of JAX of its name, which checks its arguments. Every result is held
against what the graph says of it, for the limits rest on that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from zfbench.engine.operations import ELEMENTWISE
from zfbench.engine.step import KEY, Equation, Graph, Shaped
from zfbench.records.program import CandidateError, Status

TURNS = 10_000  # after which a `while` ends, whatever its condition says
RENAMED = {"and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor", "not": "bitwise_not"}
MISFITS = (ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError)
Settings = Mapping[str, Any]
Apply = Callable[[Sequence[jax.Array], Settings], Any]


def evaluate(graph: Graph, arguments: Sequence[Any]) -> list[Any]:
    """The results of a graph for these arrays.

    Raises:
        CandidateError: error; the graph does not fit together, which no graph that was traced does.
    """
    values: list[Any] = [*arguments, *graph.constants]
    for equation in graph.equations:
        inputs = [values[number] for number in equation.inputs]
        try:
            results = _apply(equation, inputs)
        except CandidateError:
            raise
        except MISFITS as error:
            raise _damaged(f"'{equation.operation}' cannot be applied, {error!s:.200}") from error
        for shaped, result in zip(equation.outputs, results, strict=False):
            if not _is(result, shaped):
                raise _damaged(f"'{equation.operation}' does not give {shaped}")
        if len(results) != len(equation.outputs):
            raise _damaged(f"'{equation.operation}' gives {len(results)} results")
        values += results
    return [values[number] for number in graph.outputs]


def _apply(equation: Equation, inputs: list[Any]) -> Sequence[Any]:
    if equation.operation in LOOPS:
        return LOOPS[equation.operation](equation.graphs, inputs, equation.settings)
    result = APPLY[equation.operation](inputs, equation.settings)
    return result if isinstance(result, list | tuple) else [result]


def _is(result: Any, shaped: Shaped) -> bool:
    dtype = jnp.result_type(result) if not jax.dtypes.issubdtype(result.dtype, jax.dtypes.prng_key) else KEY
    return str(dtype) == shaped.dtype and tuple(result.shape) == shaped.shape


def _called(function: Callable[..., Any], *names: str) -> Apply:
    """A function of the inputs in turn, then of these settings in turn."""
    return lambda inputs, settings: function(*inputs, *(_tuple(settings[name]) for name in names))


def _tuple(setting: Any) -> Any:
    return tuple(setting) if isinstance(setting, list) else setting


def _gather(inputs: Sequence[jax.Array], settings: Settings) -> jax.Array:
    operand, indices = inputs
    numbers = lax.GatherDimensionNumbers(**{name: tuple(settings[name]) for name in lax.GatherDimensionNumbers._fields})
    filled = settings["fill_value"]
    return lax.gather(
        operand,
        indices,
        numbers,
        tuple(settings["slice_sizes"]),
        unique_indices=settings["unique_indices"],
        indices_are_sorted=settings["indices_are_sorted"],
        mode=lax.GatherScatterMode[settings["mode"]],
        fill_value=float(filled) if isinstance(filled, str) else filled,
    )


def _scatter(function: Callable[..., jax.Array]) -> Apply:
    def apply(inputs: Sequence[jax.Array], settings: Settings) -> jax.Array:
        fields = lax.ScatterDimensionNumbers._fields
        return function(
            *inputs,
            lax.ScatterDimensionNumbers(**{name: tuple(settings[name]) for name in fields}),
            indices_are_sorted=settings["indices_are_sorted"],
            unique_indices=settings["unique_indices"],
            mode=lax.GatherScatterMode[settings["mode"]],
        )

    return apply


def _dot_general(inputs: Sequence[jax.Array], settings: Settings) -> jax.Array:
    (left, right), wanted = inputs, settings["precision"]
    return lax.dot_general(
        left,
        right,
        (
            (tuple(settings["contract_left"]), tuple(settings["contract_right"])),
            (tuple(settings["batch_left"]), tuple(settings["batch_right"])),
        ),
        precision=None if wanted is None else (lax.Precision[wanted[0]], lax.Precision[wanted[1]]),
        preferred_element_type=settings["preferred_element_type"],
    )


def _pad(inputs: Sequence[jax.Array], settings: Settings) -> jax.Array:
    operand, value = inputs
    return lax.pad(operand, value, tuple(zip(settings["low"], settings["high"], settings["interior"], strict=True)))


def _over_keys(function: Callable[..., Any], keys: jax.Array, *others: Any) -> Any:
    """A function of one key, for arrays of keys."""
    for _ in range(keys.ndim):
        function = jax.vmap(function)
    return function(keys, *others)


def _fold_in(inputs: Sequence[jax.Array], _: Settings) -> jax.Array:
    keys, data = inputs
    return _over_keys(jax.random.fold_in, keys, jnp.broadcast_to(data, keys.shape))


def _split(inputs: Sequence[jax.Array], settings: Settings) -> jax.Array:
    return _over_keys(lambda key: jax.random.split(key, tuple(settings["shape"])), inputs[0])


def _bits(inputs: Sequence[jax.Array], settings: Settings) -> jax.Array:
    dtype = f"uint{settings['bit_width']}"
    return _over_keys(lambda key: jax.random.bits(key, tuple(settings["shape"]), dtype), inputs[0])


def _gamma(inputs: Sequence[jax.Array], settings: Settings) -> jax.Array:
    keys, shapes = inputs
    draw = jax.random.loggamma if settings["log_space"] else jax.random.gamma
    one = lambda key, a: draw(key, a, a.shape, a.dtype)  # noqa: E731
    return _over_keys(one, keys, jnp.broadcast_to(shapes, keys.shape + shapes.shape[keys.ndim :]))


def _seed(inputs: Sequence[jax.Array], _: Settings) -> jax.Array:
    function: Callable[..., Any] = jax.random.key
    for _axis in range(np.ndim(inputs[0])):
        function = jax.vmap(function)
    return function(inputs[0])


APPLY: dict[str, Apply] = {
    **{name: _called(getattr(lax, RENAMED.get(name, name))) for name in ELEMENTWISE},
    "relu": _called(jax.nn.relu),
    **{name: _called(getattr(jnp, name)) for name in ("logaddexp", "logaddexp2")},
    **{name: _called(getattr(jax.scipy.special, name)) for name in ("xlogy", "xlog1py")},
    "integer_pow": _called(lax.integer_pow, "y"),
    "round": lambda inputs, settings: lax.round(inputs[0], lax.RoundingMethod(settings["rounding_method"])),
    "convert_element_type": _called(lax.convert_element_type, "new_dtype"),
    "bitcast_convert_type": _called(lax.bitcast_convert_type, "new_dtype"),
    "reduce_precision": _called(lax.reduce_precision, "exponent_bits", "mantissa_bits"),
    "iota": _called(lax.broadcasted_iota, "dtype", "shape", "dimension"),
    "broadcast_in_dim": _called(lax.broadcast_in_dim, "shape", "broadcast_dimensions"),
    "reshape": _called(lax.reshape, "new_sizes"),
    "squeeze": _called(lax.squeeze, "dimensions"),
    "transpose": _called(lax.transpose, "permutation"),
    "rev": _called(lax.rev, "dimensions"),
    "concatenate": lambda inputs, settings: lax.concatenate(inputs, settings["dimension"]),
    "pad": _pad,
    "stack": lambda inputs, settings: lax.stack(inputs, settings["axis"]),
    "unstack": lambda inputs, settings: lax.unstack(inputs[0], settings["axis"]),
    "tile": _called(lax.tile, "reps"),
    "split": _called(lax.split, "sizes", "axis"),
    "slice": _called(lax.slice, "start_indices", "limit_indices", "strides"),
    "dynamic_slice": lambda i, settings: lax.dynamic_slice(i[0], i[1:], tuple(settings["slice_sizes"])),
    "dynamic_update_slice": lambda inputs, _: lax.dynamic_update_slice(inputs[0], inputs[1], inputs[2:]),
    "gather": _gather,
    "scatter": _scatter(lax.scatter),
    "scatter-add": _scatter(lax.scatter_add),
    "scatter-sub": _scatter(lax.scatter_sub),
    "scatter-mul": _scatter(lax.scatter_mul),
    "scatter-min": _scatter(lax.scatter_min),
    "scatter-max": _scatter(lax.scatter_max),
    "dot_general": _dot_general,
    **{
        f"reduce_{name}": _called(getattr(lax, f"reduce_{name}"), "axes")
        for name in ("sum", "prod", "max", "min", "and", "or", "xor")
    },
    "argmax": lambda i, settings: lax.argmax(i[0], settings["axes"][0], settings["index_dtype"]),
    "argmin": lambda i, settings: lax.argmin(i[0], settings["axes"][0], settings["index_dtype"]),
    **{
        name: _called(getattr(lax, name), "axis", "reverse")
        for name in ("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp")
    },
    "top_k": lambda i, settings: lax.top_k(i[0], settings["k"], axis=settings["axis"]),
    "sort": lambda inputs, s: lax.sort(inputs, s["dimension"], s["is_stable"], s["num_keys"]),
    "random_seed": _seed,
    "random_wrap": _called(jax.random.wrap_key_data),
    "random_unwrap": _called(jax.random.key_data),
    "random_fold_in": _fold_in,
    "random_split": _split,
    "random_bits": _bits,
    "random_gamma": _gamma,
    "qr": lambda inputs, settings: lax.linalg.qr(inputs[0], full_matrices=settings["full_matrices"]),
}


def _scan(graphs: Sequence[Graph], inputs: list[Any], settings: Settings) -> list[Any]:
    consts, carried = settings["num_consts"], settings["num_consts"] + settings["num_carry"]

    def body(carry: list[Any], rows: list[Any]) -> tuple[list[Any], list[Any]]:
        results = evaluate(graphs[0], [*inputs[:consts], *carry, *rows])
        return results[: settings["num_carry"]], results[settings["num_carry"] :]

    carry, rows = lax.scan(
        body, list(inputs[consts:carried]), list(inputs[carried:]), settings["length"], settings["reverse"]
    )
    return [*carry, *rows]


def _cond(graphs: Sequence[Graph], inputs: list[Any], _: Settings) -> list[Any]:
    index, *operands = inputs
    branches = [lambda *given, graph=graph: evaluate(graph, given) for graph in graphs]
    return lax.switch(index, branches, *operands)


def _while(graphs: Sequence[Graph], inputs: list[Any], settings: Settings) -> list[Any]:
    asked, done = settings["cond_nconsts"], settings["cond_nconsts"] + settings["body_nconsts"]
    condition, body = graphs

    def goes_on(carry: tuple[jax.Array, list[Any]]) -> jax.Array:
        turn, values = carry
        return jnp.logical_and(turn < TURNS, evaluate(condition, [*inputs[:asked], *values])[0])

    def turn(carry: tuple[jax.Array, list[Any]]) -> tuple[jax.Array, list[Any]]:
        return carry[0] + 1, evaluate(body, [*inputs[asked:done], *carry[1]])

    return lax.while_loop(goes_on, turn, (jnp.int32(0), [jnp.asarray(value) for value in inputs[done:]]))[1]


LOOPS = {"scan": _scan, "cond": _cond, "while": _while}


def _damaged(why: str) -> CandidateError:
    return CandidateError(Status.ERROR, f"The program's process sent a damaged step: {why}.")
