"""Forecast accuracy: mean absolute error, in activity and in units of each neuron's variability, and skill.

The mean is taken over windows and neurons and kept for each step ahead and for each condition, as in ZAPBench
(Lueckmann et al. 2025, arXiv 2503.02618).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.arrays import finite

SD_FLOOR = 1e-3
"""A neuron whose activity (full scale 1) has a smaller standard deviation in training is flat; our choice.

Errors in units of so small a standard deviation would dominate the mean over neurons.
"""

AXES = ("window", "step", "neuron")


@dataclass(frozen=True)
class Breakdown:
    """One quantity, overall and along each axis of the forecasts; None where it is undefined.

    Attributes:
        overall: over all windows, steps and neurons.
        per_step: H values, over windows and neurons; entry 0 is one step ahead.
        per_group: by group, over windows, steps and the group's neurons.
        per_condition: by condition, over its windows, all steps and all neurons.
    """

    overall: float | None
    per_step: tuple[float | None, ...]
    per_group: dict[str, float | None]
    per_condition: dict[str, float | None]


@dataclass(frozen=True)
class ForecastScore:
    """The accuracy of the forecasts of a set of windows.

    Attributes:
        mae: mean absolute error, in units of activity.
        standardised: the same in units of each neuron's standard deviation; flat neurons are left out.
        control: mean absolute error of the control.
        skill: 1 - MAE / MAE of the control.
    """

    mae: Breakdown
    standardised: Breakdown
    control: Breakdown
    skill: Breakdown


def score_forecast(
    prediction: Float[NDArray[np.floating], "B H N"],
    target: Float[NDArray[np.floating], "B H N"],
    control: Float[NDArray[np.floating], "B H N"],
    sd: Float[NDArray[np.floating], " N"],
    conditions: Sequence[str],
    groups: Sequence[str],
    sd_floor: float = SD_FLOOR,
) -> ForecastScore:
    """Score forecasts against the recorded activity and against a control's forecasts of the same windows.

    Args:
        prediction: [B, H, N], the forecasts.
        target: [B, H, N], the recorded activity.
        control: [B, H, N], the forecasts that skill is measured against.
        sd: [N], each neuron's standard deviation in the training data.
        conditions: the condition of each window, B names.
        groups: the group of each neuron, N names.
        sd_floor: a neuron with a smaller standard deviation is flat.

    Returns:
        Errors and skill.

    Raises:
        ZfbenchError: a shape is wrong, or a value is not finite (the sentence names the first window and step).
    """
    truth = finite(target, "target", AXES)
    B, _, N = truth.shape
    if (len(conditions), len(groups)) != (B, N):
        raise ZfbenchError(f"{len(conditions)} conditions and {len(groups)} groups were given; give {B} and {N}.")
    scale = finite(sd, "standard deviation", ("neuron",), (N,))
    varies = scale >= sd_floor  # [N]
    error = np.abs(finite(prediction, "prediction", AXES, truth.shape) - truth)  # [B, H, N]
    control_error = np.abs(finite(control, "control's prediction", AXES, truth.shape) - truth)
    labels = (conditions, groups)
    everyone = np.ones(N, dtype=bool)
    mae, control_mae = _breakdown(error, everyone, *labels), _breakdown(control_error, everyone, *labels)
    return ForecastScore(
        mae=mae,
        standardised=_breakdown(error / np.where(varies, scale, 1.0), varies, *labels),
        control=control_mae,
        skill=skill(mae, control_mae),
    )


def skill(mae: Breakdown, control: Breakdown) -> Breakdown:
    """Return the skill 1 - MAE / MAE_control of every entry: 1 is perfect, 0 is the control.

    It has the form of Murphy (1988, eq. 4, doi:10.1175/1520-0493(1988)116<2417:SSBOTM>2.0.CO;2), with the mean absolute
    error in place of the mean squared one. It is None where the control is perfect, because no forecast can then be
    better.
    """

    def gain(error: float | None, reference: float | None) -> float | None:
        return None if error is None or not reference else 1.0 - error / reference

    def gains(errors: dict[str, float | None], references: dict[str, float | None]) -> dict[str, float | None]:
        return {name: gain(error, references[name]) for name, error in errors.items()}

    return Breakdown(
        overall=gain(mae.overall, control.overall),
        per_step=tuple(gain(e, r) for e, r in zip(mae.per_step, control.per_step, strict=True)),
        per_group=gains(mae.per_group, control.per_group),
        per_condition=gains(mae.per_condition, control.per_condition),
    )


def _breakdown(
    error: NDArray[np.float64],
    counted: NDArray[np.bool_],
    conditions: Sequence[str],
    groups: Sequence[str],
) -> Breakdown:
    """Return the mean error [B, H, N] over the counted neurons [N], along each axis."""
    window_condition, neuron_group = np.asarray(conditions), np.asarray(groups)
    return Breakdown(
        overall=_mean(error[:, :, counted]),
        per_step=tuple(_mean(error[:, h, counted]) for h in range(error.shape[1])),
        per_group={name: _mean(error[:, :, counted & (neuron_group == name)]) for name in dict.fromkeys(groups)},
        per_condition={
            name: _mean(error[window_condition == name][:, :, counted]) for name in dict.fromkeys(conditions)
        },
    )


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if values.size else None
