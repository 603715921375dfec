"""What a proposer is told about a program that ran: the same text for every method, a function of scores alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zfbench.forecasting.report import TrainingReport
from zfbench.records.recordings import BALANCED
from zfbench.scoring.forecast import ForecastScore
from zfbench.scoring.objective import selection_loss

MARGIN = 0.05  # of a neuron's recorded range: beyond it a forecast counts as out of range
STILL = 0.05  # a forecast that varies less than this share of the recording's sd stands still
RARE = 0.01  # share of forecasts that is not worth a note
RUNAWAY = 1.0  # widest recorded range; a forecast that ends further outside than that runs away
AT_BOUND = 0.01  # of a neuron's own range: nearer to one of its ends a value counts as at a bound
PINNED = 0.5  # share of its values at a bound from which on a neuron is pinned
SHOWN = 8  # names in a list
POINTS = 5  # of the training curve


def feedback(
    score: ForecastScore,
    objective: str,
    blame: dict[str, float],
    prediction: NDArray[np.float32],
    target: NDArray[np.float32],
    neurons: tuple[str, ...],
    report: TrainingReport,
) -> str:
    """One line a topic: error, blame, horizon, conditions, range, stability, saturation, training, cost.

    Seconds are left out: they differ from run to run, and the text would with them.

    Args:
        score: of the validation forecasts, with the last value as the control.
        objective: which of `zfbench.records.recordings.OBJECTIVES` the loss is.
        blame: error of each group while the others follow the recording.
        prediction: [B, H, N].
        target: [B, H, N].
        neurons: N names.
        report: of the training.
    """
    mae, skill = score.mae, score.skill.overall
    gain = "" if skill is None else f"; skill over the last value {skill:.3f}"
    lines = [f"Validation MAE {mae.overall:.4f}{gain}."]
    if objective == BALANCED:
        loss = selection_loss(objective, score)
        lines.insert(0, f"Validation loss {loss:.4f}: group-balanced relative error, 1 for the last value.")
        relative = {name: None if s is None else 1 - s for name, s in score.skill.per_group.items()}
        lines.append(f"MAE by neuron group as a share of the last value's, worst first: {_worst_first(relative)}.")
    lines.append(f"MAE by neuron group, worst first: {_worst_first(mae.per_group)}.")
    lines.append(f"MAE of each group while the others follow the recording, worst first: {_worst_first(blame)}.")
    lines.append(f"MAE by steps ahead: {_by_step(mae.per_step)}.")
    lines.append(f"MAE by condition: {_worst_first(mae.per_condition)}.")
    lines.extend(_range_notes(prediction, target, neurons))
    lines.append(_stability(prediction, target, neurons))
    lines.append(
        f"Saturation: {_pinned(prediction):.0%} of neurons are at a bound of their forecasts most of the time, "
        f"{_pinned(target):.0%} in the recording."
    )
    lines.append(_training_note(report))
    lines.append(f"Cost: {report.parameters} parameters, {report.updates} updates.")
    return "\n".join(lines)


def _worst_first(errors: dict[str, float] | dict[str, float | None]) -> str:
    known = [(name, error) for name, error in errors.items() if error is not None]
    return ", ".join(f"{name} {error:.4f}" for name, error in sorted(known, key=lambda item: (-item[1], item[0])))


def _by_step(per_step: tuple[float | None, ...]) -> str:
    steps = sorted({1, 4, 16, 64, len(per_step)} & set(range(1, len(per_step) + 1)))
    return ", ".join(f"{h}: {per_step[h - 1]:.4f}" for h in steps)


def _range_notes(prediction: NDArray[np.float32], target: NDArray[np.float32], neurons: tuple[str, ...]) -> list[str]:
    """Neurons whose forecasts leave the recorded range, and those whose forecasts stand still."""
    low, high = target.min((0, 1)), target.max((0, 1))
    margin = MARGIN * (high - low)
    outside = ((prediction < low - margin) | (prediction > high + margin)).mean((0, 1))  # [N]
    moves, varies = prediction.std((0, 1), dtype=np.float64), target.std((0, 1), dtype=np.float64)
    still = np.flatnonzero(moves < STILL * varies)
    notes = []
    if worst := _most(outside, neurons):
        notes.append(f"Share of forecasts outside the recorded range: {worst}.")
    if len(still):
        more = f" and {len(still) - SHOWN} more" if len(still) > SHOWN else ""
        notes.append(f"Forecasts that stand still: {', '.join(neurons[i] for i in still[:SHOWN])}{more}.")
    return notes


def _stability(prediction: NDArray[np.float32], target: NDArray[np.float32], neurons: tuple[str, ...]) -> str:
    """How many forecasts have left all bounds by their last step."""
    low, high = target.min((0, 1)), target.max((0, 1))
    far = RUNAWAY * (high - low).max()
    away = ((prediction[:, -1] < low - far) | (prediction[:, -1] > high + far)).mean(0)  # [N]
    if not away.any():
        return "Stability: no forecast runs away."
    worst = _most(away, neurons)
    return f"Stability: {away.mean():.1%} of forecasts run away{worst and f', worst {worst}'}."


def _pinned(values: NDArray[np.float32]) -> float:
    """Share of neurons that are at an end of their own range most of the time."""
    low, high = values.min((0, 1)), values.max((0, 1))
    margin = AT_BOUND * (high - low)
    at_bound = ((values <= low + margin) | (values >= high - margin)).mean((0, 1))  # [N]
    return float((at_bound > PINNED).mean())


def _most(shares: NDArray[np.float64], neurons: tuple[str, ...]) -> str:
    """The neurons of the largest shares, without those that are not worth a note."""
    worst = [i for i in np.argsort(-shares, kind="stable")[:SHOWN] if shares[i] >= RARE]
    return ", ".join(f"{neurons[i]} {shares[i]:.0%}" for i in worst)


def _training_note(report: TrainingReport) -> str:
    curve = report.loss_curve
    shown = sorted({round(i) for i in np.linspace(0, len(curve) - 1, POINTS)}) if curve else []
    fell = ", ".join(f"{curve[i][0]}: {curve[i][1]:.3g}" for i in shown)
    note = f"Training: {report.loss} at {report.learning_rate:g}, best after {report.best_update} updates"
    note += f"; loss by update: {fell}." if fell else "."
    return note + (" It reached its time limit before its last update." if report.stopped_early else "")
