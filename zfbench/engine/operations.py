"""The operations that a graph may hold: their names are JAX's own, and their settings are of a few kinds.

Whoever reads a graph that an untrusted process sent checks every setting by this table. It needs no JAX.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from zfbench.engine.step import BYTES, KEY, RANK

LARGEST = 2**40  # of a number in the settings
MODES = ("CLIP", "FILL_OR_DROP", "PROMISE_IN_BOUNDS")  # what an index beyond an array means
PRECISIONS = ("DEFAULT", "HIGH", "HIGHEST")  # of products

Kind = Callable[[Any], bool]


def whole(value: Any) -> bool:
    """A whole number."""
    return type(value) is int and -LARGEST <= value <= LARGEST


def natural(value: Any) -> bool:
    """A whole number, not negative."""
    return whole(value) and value >= 0


def axes(value: Any) -> bool:
    """A short list of natural numbers: axes, or sizes of axes."""
    return isinstance(value, list) and len(value) <= RANK and all(map(natural, value))


def offsets(value: Any) -> bool:
    """A short list of whole numbers."""
    return isinstance(value, list) and len(value) <= RANK and all(map(whole, value))


def flag(value: Any) -> bool:
    """True or false."""
    return type(value) is bool


def dtype(value: Any) -> bool:
    """The dtype of numbers."""
    return isinstance(value, str) and value in BYTES and value != KEY


def mode(value: Any) -> bool:
    """What an index beyond an array means."""
    return isinstance(value, str) and value in MODES


def precision(value: Any) -> bool:
    """None, or the precision of both factors."""
    return value is None or (isinstance(value, list) and len(value) == 2 and all(v in PRECISIONS for v in value))


def bits(value: Any) -> bool:
    """Bits of a random number."""
    return type(value) is int and value in (8, 16, 32)


def strides(value: Any) -> bool:
    """None, or a short list of natural numbers."""
    return value is None or axes(value)


def maybe_dtype(value: Any) -> bool:
    """None, or a dtype."""
    return value is None or dtype(value)


def fill(value: Any) -> bool:
    """None, a number, or its name where JSON has none."""
    if type(value) is float:
        return math.isfinite(value)
    return value is None or flag(value) or whole(value) or (isinstance(value, str) and value in ("nan", "inf", "-inf"))


_GATHER = dict.fromkeys(
    ("offset_dims", "collapsed_slice_dims", "start_index_map", "operand_batching_dims", "start_indices_batching_dims"),
    axes,
)
_SCATTER = dict.fromkeys(
    (
        "update_window_dims",
        "inserted_window_dims",
        "scatter_dims_to_operand_dims",
        "operand_batching_dims",
        "scatter_indices_batching_dims",
    ),
    axes,
)
_INDEXED = {"indices_are_sorted": flag, "unique_indices": flag, "mode": mode}
_NOTHING: dict[str, Kind] = {}

ELEMENTWISE = (
    *("abs", "acos", "acosh", "add", "and", "asin", "asinh", "atan", "atan2", "atanh", "bessel_i0e", "bessel_i1e"),
    *("cbrt", "ceil", "clamp", "clz", "cos", "cosh", "digamma", "div", "eq", "erf", "erf_inv", "erfc", "exp", "exp2"),
    *("expm1", "floor", "ge", "gt", "is_finite", "le", "lgamma", "log", "log1p", "logistic", "lt", "max", "min"),
    *("mul", "ne", "neg", "nextafter", "not", "or", "population_count", "pow", "rem", "rsqrt", "select_n"),
    *("shift_left", "shift_right_arithmetic", "shift_right_logical", "sign", "sin", "sinh", "sqrt", "square"),
    *("stop_gradient", "sub", "tan", "tanh", "xor"),
)
DERIVED = ("relu", "logaddexp", "logaddexp2", "xlogy", "xlog1py")  # functions of JAX with a derivative of their own
SHARED: Mapping[str, Mapping[str, Kind]] = {  # what every function of a program may use
    **dict.fromkeys((*ELEMENTWISE, *DERIVED), _NOTHING),
    "integer_pow": {"y": whole},
    "round": {"rounding_method": natural},
    "convert_element_type": {"new_dtype": dtype},
    "bitcast_convert_type": {"new_dtype": dtype},
    "reduce_precision": {"exponent_bits": natural, "mantissa_bits": natural},
    "iota": {"dtype": dtype, "shape": axes, "dimension": natural},
    "broadcast_in_dim": {"shape": axes, "broadcast_dimensions": axes},
    "reshape": {"new_sizes": axes},
    "squeeze": {"dimensions": axes},
    "transpose": {"permutation": axes},
    "rev": {"dimensions": axes},
    "concatenate": {"dimension": natural},
    "pad": {"low": offsets, "high": offsets, "interior": axes},
    "stack": {"axis": natural},
    "unstack": {"axis": natural},
    "tile": {"reps": axes},
    "split": {"sizes": axes, "axis": natural},
    "slice": {"start_indices": axes, "limit_indices": axes, "strides": strides},
    "dynamic_slice": {"slice_sizes": axes},
    "dynamic_update_slice": _NOTHING,
    "gather": {**_GATHER, **_INDEXED, "slice_sizes": axes, "fill_value": fill},
    **{f"scatter{how}": {**_SCATTER, **_INDEXED} for how in ("", "-add", "-sub", "-mul", "-min", "-max")},
    "dot_general": {
        **dict.fromkeys(("contract_left", "contract_right", "batch_left", "batch_right"), axes),
        "precision": precision,
        "preferred_element_type": maybe_dtype,
    },
    **{f"reduce_{how}": {"axes": axes} for how in ("sum", "prod", "max", "min", "and", "or", "xor")},
    **{f"arg{how}": {"axes": axes, "index_dtype": dtype} for how in ("max", "min")},
    **{f"cum{how}": {"axis": natural, "reverse": flag} for how in ("sum", "prod", "max", "min", "logsumexp")},
    "top_k": {"k": natural, "axis": natural},
    "sort": {"dimension": natural, "is_stable": flag, "num_keys": natural},
    "scan": {"length": natural, "num_consts": natural, "num_carry": natural, "reverse": flag},
    "cond": _NOTHING,
}
RANDOM: Mapping[str, Mapping[str, Kind]] = {  # what initialisers and simulators may use beyond that
    "random_seed": _NOTHING,
    "random_wrap": _NOTHING,
    "random_unwrap": _NOTHING,
    "random_fold_in": _NOTHING,
    "random_split": {"shape": axes},
    "random_bits": {"bit_width": bits, "shape": axes},
    "random_gamma": {"log_space": flag},
    "qr": {"full_matrices": flag},  # orthogonal initialisers
    "while": {"cond_nconsts": natural, "body_nconsts": natural},  # rejection sampling; ended after some turns
}
OPERATIONS: Mapping[str, Mapping[str, Kind]] = {**SHARED, **RANDOM}
GRAPHS = {"scan": 1, "while": 2}  # how many graphs an operation holds; `cond` holds one for every branch
BRANCHES = 64  # of one `cond` at most


def holds(operation: str, count: int) -> bool:
    """Whether an operation holds so many graphs."""
    return 1 <= count <= BRANCHES if operation == "cond" else count == GRAPHS.get(operation, 0)
