"""The judge: scores a fitted model on the sealed test, from its predictions alone.

Probes of mechanism start at recorded states, half from the training conditions and half from the held-out one, and
the true model answers the same probes, each once per task. A model that only forecasts is not probed, except for the
derivative of its first step where it says that this means something; a score that is not applicable to it, or
that is undefined, is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from zfbench import scoring
from zfbench.base.errors import ZfbenchError
from zfbench.forecasting.sealed import SealedTest
from zfbench.protocols.models import Direct, EdgeRanking, Forecaster, Probabilistic, Simulator
from zfbench.records.clamp import Clamp
from zfbench.records.evaluation import Generation
from zfbench.records.program import CandidateError
from zfbench.records.recordings import BALANCED, PLAIN
from zfbench.records.scores import Scores
from zfbench.scoring.connectivity import (
    Agreement,
    Detection,
    jacobian_from_responses,
    jacobian_probes,
    mask_control,
    score_connectivity,
)
from zfbench.scoring.dynamics import (
    PEAK_THRESHOLD,
    eigenvalue_distance,
    impulse_probes,
    impulse_responses,
    score_impulse,
    spectral_distance,
)
from zfbench.scoring.forecast import score_forecast
from zfbench.scoring.intervention import CLAMPED_AT, clamp_effects, clamp_probes, score_intervention
from zfbench.scoring.probabilistic import crps

PROBE_CONTEXT = 64  # steps a model with hidden state is warmed up on before a probe
JACOBIAN_STATES = 48
IMPULSE_STATES = 8
IMPULSE_HORIZON = 64
IMPULSE_AMPLITUDES = (-0.2, 0.1, 0.2)  # units of activity
HOLD_WINDOWS = 6
SELECTION_SCORES = {BALANCED: "forecast/validation/balanced_error", PLAIN: "forecast/validation/mae"}
MARKS = (1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256)  # steps ahead of which the error is written down


@dataclass(frozen=True, eq=False)
class ProbeStates:
    """States to probe from: contexts with the drive that follows, as the model sees it and as it really was.

    Attributes:
        context: [S, C, N].
        drive: [S, C + H, D], the track's view.
        full_drive: [S, C + H, D'].
    """

    context: NDArray[np.float32]
    drive: NDArray[np.float32]
    full_drive: NDArray[np.float32]

    def take(self, count: int, horizon: int) -> ProbeStates:
        """`count` of the states, evenly spaced, with `horizon` steps of drive."""
        chosen = np.linspace(0, len(self.context) - 1, min(count, len(self.context))).round().astype(int)
        end = self.context.shape[1] + horizon
        return ProbeStates(self.context[chosen], self.drive[chosen, :end], self.full_drive[chosen, :end])


class Judge:
    """Scores any number of models on one sealed test; see `zfbench.protocols.task.TaskJudge`."""

    controls: ClassVar[Mapping[str, str]] = {}  # they are baselines

    def __init__(self, sealed: SealedTest) -> None:
        self.sealed = sealed

    @property
    def selection_score(self) -> str:
        """Name of the score that equals the loss on the validation windows; see `zfbench.scoring.objective`."""
        return SELECTION_SCORES[self.sealed.spec.objective]

    def score(self, model: Forecaster | Simulator, progress: Callable[[str], None] = lambda _: None) -> Scores:
        """All scores of a fitted model.

        Args:
            model: forecasts; if it also is a `Simulator`, its mechanism is probed.
            progress: told the name of each stage as it begins.

        Returns:
            Scores, with a note for each family that the model's predictions made impossible (not finite, say).
        """
        if isinstance(model, EdgeRanking):
            return self._edges(model)
        scores = Scores(metric_versions={"forecast": scoring.VERSIONS["forecast"]})  # of the validation loss, if alone
        stages: dict[str, Callable[[Scores], None]] = {"forecast": lambda s: self._forecast(model, s)}
        if isinstance(model, Simulator) or (isinstance(model, Direct) and model.one_step_map):
            stages["connectivity"] = lambda s: self._connectivity(model, s)
        if isinstance(model, Simulator):
            simulator = model
            stages |= {
                "dynamics": lambda s: self._dynamics(simulator, s),
                "intervention": lambda s: self._intervention(simulator, s),
            }
        for name, stage in stages.items():
            progress(name)
            own = Scores(metric_versions={name: scoring.VERSIONS[name]})
            try:
                stage(own)
                scores.join(own)  # all of a family or nothing
            except CandidateError as error:  # its process has ended: it can be asked nothing more
                scores.notes.append(f"no {name} scores nor later ones: {error}")
                break
            except ZfbenchError as error:
                scores.notes.append(f"no {name} scores: {error}")
        return scores

    def score_generations(self, generations: Sequence[Generation]) -> Scores:  # noqa: ARG002
        """None: how a population moved has no score here."""
        return Scores()

    def _edges(self, model: EdgeRanking) -> Scores:
        """How well a ranking of edges finds the true ones; it forecasts nothing."""
        scores = Scores(metric_versions={"connectivity": scoring.VERSIONS["connectivity"]})
        _add_detection(scores, "connectivity/wiring", mask_control(self.sealed.wiring, model.edges()))
        return scores

    def _forecast(self, model: Forecaster | Simulator, scores: Scores) -> None:
        for split, windows in (("id", self.sealed.test), ("ood", self.sealed.ood)):
            context, target = windows.inputs.context, windows.target
            prefix = f"forecast/{split}"
            if isinstance(model, Probabilistic):
                samples = model.sample(context, windows.inputs.drive)  # [S, B, H, N]
                prediction = np.median(samples, axis=0)  # [B, H, N]
                scores.add(f"{prefix}/crps", crps(samples, target))
                scores.metric_versions["probabilistic"] = scoring.VERSIONS["probabilistic"]
            else:
                predict = model.forecast if isinstance(model, Forecaster) else model.rollout
                prediction = predict(context, windows.inputs.drive)
            last_value = np.broadcast_to(context[:, -1:], target.shape)
            score = score_forecast(
                prediction,
                target,
                last_value,
                self.sealed.train_sd,
                windows.inputs.conditions,
                self.sealed.spec.groups,
            )
            mean = np.broadcast_to(self.sealed.train_mean, target.shape)
            scores.add(f"{prefix}/mae", score.mae.overall)
            scores.add(f"{prefix}/mae_sd", score.standardised.overall)
            scores.add(f"{prefix}/skill_last_value", score.skill.overall)
            scores.add(f"{prefix}/skill_mean", _skill_against(mean, score.mae.overall, target))
            scores.add_all(f"{prefix}/mae/condition", score.mae.per_condition)
            scores.add_all(f"{prefix}/mae/group", score.mae.per_group)
            scores.add_all(f"{prefix}/mae_sd/group", score.standardised.per_group)
            marks = [h for h in MARKS if h <= target.shape[1]]
            scores.add_curve("forecast/steps", [float(h) for h in marks])
            scores.add_curve(f"{prefix}/mae", [score.mae.per_step[h - 1] for h in marks])
            scores.add_curve(f"{prefix}/skill_last_value", [score.skill.per_step[h - 1] for h in marks])
            if split == "id":
                scores.add(f"{prefix}/spectral_distance", spectral_distance(prediction, target))
            window = len(target) // 2
            if split == "ood":
                for i in self._examples:
                    scores.add_picture(f"{prefix}/example/{self.sealed.spec.neurons[i]}", prediction[window, :, i])

    def _connectivity(self, model: Forecaster | Simulator, scores: Scores) -> None:
        states, truth = self._true_jacobians
        if isinstance(model, Simulator):
            jacobians = _jacobians(model.rollout, states.context, states.drive)
            scores.add("connectivity/eigenvalue_distance", eigenvalue_distance(jacobians, truth))
        else:  # a direct forecaster reads whole windows, so it is asked about one state at a time
            whole = self._whole_states.take(JACOBIAN_STATES, self.sealed.spec.horizon)
            windows = zip(whole.context, whole.drive, strict=True)
            jacobians = np.concatenate([_jacobians(model.forecast, c[None], x[None]) for c, x in windows])
        score = score_connectivity(
            jacobians, truth, self.sealed.wiring, self.sealed.allowed, masked=self.sealed.spec.masked
        )
        _add_agreement(scores, "connectivity/wiring", score.wiring)
        _add_agreement(scores, "connectivity/jacobian", score.jacobian)
        scores.add("connectivity/excitable", score.excitable)
        scores.add_picture("connectivity/mean_jacobian", jacobians.mean(axis=0))  # [N, N]

    def _dynamics(self, model: Simulator, scores: Scores) -> None:
        states, truth = self._true_impulses
        N = states.context.shape[2]
        responses = _impulses(model, states.context, states.drive)
        score = score_impulse(responses, truth, range(N), self.sealed.spec.groups)
        scores.add("dynamics/impulse/error", score.error)
        scores.add_all("dynamics/impulse/error/group", score.error_by_group)
        for name in ("latency_error", "latency_error_relative", "decay_error", "decay_error_relative"):
            scores.add(f"dynamics/impulse/{name}", getattr(score, name))
        names = self.sealed.spec.neurons
        for source, target in self._impulse_examples:
            course = responses[:, source, -1, :, target].mean(axis=0)  # [H]
            scores.add_picture(f"dynamics/impulse/example/{names[source]} to {names[target]}", course)

    def _intervention(self, model: Simulator, scores: Scores) -> None:
        states, truth = self._true_effects
        neurons = range(states.context.shape[2])
        effects = _effects(model, states.context, states.drive)
        for kind, effect in effects.items():
            score = score_intervention(effect, truth[kind], neurons)
            scores.add(f"intervention/{kind}/error", score.error)
            scores.add(f"intervention/{kind}/sign_accuracy", score.sign_accuracy)
            scores.add(f"intervention/{kind}/rank_correlation", score.rank_correlation)
        pooled = score_intervention(
            np.concatenate(list(effects.values())), np.concatenate(list(truth.values())), neurons
        )
        scores.add("intervention/error", pooled.error)
        scores.add("intervention/sign_accuracy", pooled.sign_accuracy)
        scores.add("intervention/rank_correlation", pooled.rank_correlation)

    @cached_property
    def _examples(self) -> list[int]:
        """The first neuron of each group, whose forecasts of one window are kept for pictures."""
        return [int(self.sealed.spec.indices(group)[0]) for group in dict.fromkeys(self.sealed.spec.groups)]

    @cached_property
    def _impulse_examples(self) -> list[tuple[int, int]]:
        """Pairs whose responses are kept for pictures: an example neuron kicked, and who truly answers it most.

        The response is to the last amplitude, averaged over states; a neuron that nobody answers has no pair.
        """
        truth = self._true_impulses[1][:, :, -1].mean(axis=0)  # [N, H, N]
        peaks = np.abs(truth).max(axis=1)  # [N, N]
        np.fill_diagonal(peaks, 0)
        pairs = [(source, int(peaks[source].argmax())) for source in self._examples]
        return [(source, target) for source, target in pairs if peaks[source, target] > PEAK_THRESHOLD]

    @cached_property
    def _whole_states(self) -> ProbeStates:
        """Every window's onset with all of its context, test and held-out windows in turn."""
        test, ood = self.sealed.test.inputs, self.sealed.ood.inputs
        context = _interleave(test.context, ood.context)
        drive = _interleave(test.drive, ood.drive)
        full = _interleave(self.sealed.full_drive_test, self.sealed.full_drive_ood)
        return ProbeStates(context, drive, full)

    @cached_property
    def _states(self) -> ProbeStates:
        """The same states with the context that warms up a hidden state."""
        whole = self._whole_states
        lead = whole.context.shape[1] - PROBE_CONTEXT
        return ProbeStates(whole.context[:, lead:], whole.drive[:, lead:], whole.full_drive[:, lead:])

    @cached_property
    def _true_jacobians(self) -> tuple[ProbeStates, NDArray[np.float64]]:
        states = self._states.take(JACOBIAN_STATES, horizon=1)
        return states, _jacobians(self.sealed.truth.rollout, states.context, states.full_drive)

    @cached_property
    def _true_impulses(self) -> tuple[ProbeStates, NDArray[np.float64]]:
        states = self._states.take(IMPULSE_STATES, IMPULSE_HORIZON)
        return states, _impulses(self.sealed.truth, states.context, states.full_drive)

    @cached_property
    def _true_effects(self) -> tuple[ProbeStates, dict[str, NDArray[np.float64]]]:
        states = self._states.take(HOLD_WINDOWS, self.sealed.spec.horizon)
        return states, _effects(self.sealed.truth, states.context, states.full_drive)


def _jacobians(predict: Callable[[NDArray, NDArray], NDArray], context: NDArray, drive: NDArray) -> NDArray[np.float64]:
    """One-step Jacobians [S, N, N] at the ends of the contexts [S, C, N]; only the first step predicted is read."""
    probes = jacobian_probes(context)
    responses = predict(probes, np.repeat(drive, len(probes) // len(context), axis=0))  # [S*2N, 1 or more, N]
    return jacobian_from_responses(responses[:, 0])


def _impulses(model: Simulator, context: NDArray, drive: NDArray) -> NDArray[np.float64]:
    """Impulse responses [S, N, A, H, N] of every neuron at every amplitude."""
    N = context.shape[2]
    probes = impulse_probes(context, range(N), IMPULSE_AMPLITUDES)
    perturbed = model.rollout(probes, np.repeat(drive, len(probes) // len(context), axis=0))
    return impulse_responses(perturbed, model.rollout(context, drive), N, len(IMPULSE_AMPLITUDES))


def _effects(model: Simulator, context: NDArray, drive: NDArray) -> dict[str, NDArray[np.float64]]:
    """Effects [W, N, H, N] of every kind of hold on every neuron."""
    neurons = range(context.shape[2])
    free = model.rollout(context, drive)
    effects = {}
    for kind in CLAMPED_AT:
        probes = clamp_probes(context, kind, neurons)
        held = model.rollout(probes.context, np.repeat(drive, len(neurons), axis=0), Clamp(probes.mask, probes.value))
        effects[kind] = clamp_effects(held, free, neurons)
    return effects


def _interleave(first: NDArray, second: NDArray) -> NDArray:
    """Entries of two batches in turn, as many of each as the smaller one has, evenly spaced in the larger."""
    count = min(len(first), len(second))
    rows = [batch[np.linspace(0, len(batch) - 1, count).round().astype(int)] for batch in (first, second)]
    return np.stack(rows, axis=1).reshape(2 * count, *first.shape[1:])


def _skill_against(control: NDArray, mae: float | None, target: NDArray) -> float | None:
    reference = float(np.abs(control - target).mean(dtype=np.float64))
    return None if mae is None or reference == 0 else 1 - mae / reference


def _add_agreement(scores: Scores, prefix: str, score: Agreement) -> None:
    scores.add(f"{prefix}/sign_accuracy", score.sign_accuracy)
    scores.add(f"{prefix}/weight_spearman", score.weight_spearman)
    _add_detection(scores, prefix, score.detection)
    _add_detection(scores, f"{prefix}/in_mask", score.detection_in_mask)


def _add_detection(scores: Scores, prefix: str, score: Detection | None) -> None:
    if score is not None:
        for name in ("average_precision", "prevalence", "lift", "auroc", "precision_at_k"):
            scores.add(f"{prefix}/{name}", getattr(score, name))
