"""The answers of forecasters: whatever goes wrong in one, or a wrong shape, is one sentence about the forecaster."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import PluginError
from zfbench.protocols.conduct import called, conduct_of
from zfbench.protocols.task import Candidate

PREDICTIONS = ("forecast", "rollout", "sample")
DECLARED = ("fit", "one_step_map", "hidden_state")  # what tells the kinds of models apart beside their predictions


def checked(model: Any) -> Any:
    """Return what answers as a model does, with every answer checked.

    Args:
        model: a `Forecaster`, `Simulator` or `EdgeRanking`; what is returned is of the same kinds. A program, whose
            answers the harness makes, is returned as it is.
    """
    if isinstance(model, Candidate):
        return model
    parts = {name: _part(model, name) for name in (*PREDICTIONS, *DECLARED, "edges")}
    own = {name: part for name, part in parts.items() if part is not None}  # a subclass may set one to None
    answers = {name: partial(_predict, model, name) for name in PREDICTIONS if name in own}
    if "edges" in own:
        answers["edges"] = partial(_edges, model)
    return SimpleNamespace(**{name: part for name, part in own.items() if name in DECLARED}, **answers)


def _part(model: Any, name: str) -> Any:
    """A method or property of a model; None if it has none."""
    with conduct_of("forecaster", model, name):
        return getattr(model, name, None)


def _predict(model: Any, method: str, context: NDArray, drive: NDArray, *clamp: Any) -> NDArray:
    """The answer of a method that predicts, [B, H, N], or [S, B, H, N] of samples."""
    with conduct_of("forecaster", model, method):
        found: Any = getattr(model, method)(context, drive, *clamp)
    B, C, N = context.shape
    shape = (B, drive.shape[1] - C, N)
    if method == "sample" and isinstance(found, np.ndarray) and found.ndim:
        shape = (*found.shape[:1], *shape)  # any number of samples
    check_forecast(model, found, shape, method)
    return np.asarray(found)


def _edges(model: Any) -> Any:
    with conduct_of("forecaster", model, "edges"):
        return model.edges()


def check_forecast(model: object, forecast: object, shape: tuple[int, ...], method: str = "forecast") -> None:
    """Check the type, shape and values of a forecast.

    Args:
        model: the forecaster.
        forecast: its forecast.
        shape: shape that the forecast must have, [B, H, N], or [S, B, H, N] of samples.
        method: name of the method that was called.

    Raises:
        PluginError: the forecast is no array of that shape.
    """
    name = f"The forecaster {called(model)}"
    if not isinstance(forecast, np.ndarray):
        raise PluginError(f"{name} returned {called(type(forecast))} from {method}; return a NumPy array.")
    if forecast.shape != shape:
        raise PluginError(f"{name} returned an array of shape {forecast.shape} from {method}; return {shape}.")
    if not np.issubdtype(forecast.dtype, np.floating):
        raise PluginError(f"{name} returned an array of {forecast.dtype} from {method}; return float32.")
