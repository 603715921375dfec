"""The response families: what happens to a model's neurons when one of them is moved or held."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from zfbench.forecasting.probes import IMPULSE_HORIZON, Effects, ProbeStates, Range, effects, impulses
from zfbench.forecasting.sealed import SealedTest
from zfbench.protocols.models import Simulator
from zfbench.records.scores import Scores
from zfbench.scoring.blocks import BlockScore, Energies, energies, score_cross, score_self, together
from zfbench.scoring.dynamics import PEAK_THRESHOLD, score_impulse
from zfbench.scoring.intervention import score_intervention


class ResponseJudge:
    """Impulse responses and interventions of any number of models; the true ones are computed once.

    Args:
        sealed: the test.
        whole: the probe states, with all of their context and horizon.
        context: the steps of context that a probe gives.
    """

    def __init__(self, sealed: SealedTest, whole: ProbeStates, context: int) -> None:
        self._sealed = sealed
        self._range = Range.of(sealed)
        self._short = whole.cut(context, min(IMPULSE_HORIZON, sealed.spec.horizon))
        self._long = whole.cut(context, sealed.spec.horizon)

    def impulses(self, model: Simulator, scores: Scores) -> BlockScore:
        """Score impulse responses; returns the errors between neurons."""
        truth, groups = self._true_impulses, self._sealed.spec.groups
        N = truth.shape[-1]
        responses, clipped = impulses(model, self._short.context, self._short.drive, self._range)
        score = score_impulse(responses, truth, range(N), groups)
        scores.add("dynamics/impulse/error", score.error)
        scores.add_all("dynamics/impulse/error/group", score.error_by_group)
        for name in ("latency_error", "decay_error"):
            for ending in ("", "_relative", "_upper"):
                scores.add(f"dynamics/impulse/{name}{ending}", getattr(score, name + ending))
        scores.add("dynamics/impulse/clipped", clipped)
        names = self._sealed.spec.neurons
        for source, target in self._impulse_examples:
            course = responses[:, source, -1, :, target].mean(axis=0)  # [H]
            scores.add_picture(f"dynamics/impulse/example/{names[source]} to {names[target]}", course)
        squares = energies(responses, truth)
        scores.add("dynamics/impulse/self/error", score_self(squares, groups).error)
        return self._blocks("dynamics/impulse", squares, scores)

    def interventions(self, model: Simulator, scores: Scores) -> BlockScore:
        """Score the effects of holding neurons; returns the errors between neurons."""
        truth, neurons = self._true_effects, range(len(self._sealed.spec.neurons))
        found = effects(model, self._long.context, self._long.drive, self._range)
        for kind in found.kinds:
            score = score_intervention(found.of(kind), truth.of(kind), neurons)
            scores.add(f"intervention/{kind}/error", score.error)
            scores.add(f"intervention/{kind}/sign_accuracy", score.sign_accuracy)
            scores.add(f"intervention/{kind}/rank_correlation", score.rank_correlation)
        pooled = score_intervention(found.pooled, truth.pooled, neurons)
        scores.add("intervention/error", pooled.error)
        scores.add("intervention/sign_accuracy", pooled.sign_accuracy)
        scores.add("intervention/rank_correlation", pooled.rank_correlation)
        scores.add("intervention/clipped", found.clipped)
        squares = [energies(found.of(kind), truth.of(kind)) for kind in found.kinds]
        return self._blocks("intervention", together(squares), scores)

    def _blocks(self, prefix: str, squares: Energies, scores: Scores) -> BlockScore:
        cross = score_cross(squares, self._sealed.spec.groups)
        scores.add(f"{prefix}/cross/error", cross.error)
        scores.add(f"{prefix}/cross/error_upper", cross.upper)
        scores.add(f"{prefix}/cross/standard_error", cross.standard_error)
        scores.add(f"{prefix}/cross/blocks", cross.blocks)
        scores.add_all(f"{prefix}/cross/error/source", cross.by_source)
        return cross

    @cached_property
    def _true_impulses(self) -> NDArray[np.float64]:
        """[S, N, A, H, N]."""
        return impulses(self._sealed.truth, self._short.context, self._short.full_drive, self._range)[0]

    @cached_property
    def _true_effects(self) -> Effects:
        return effects(self._sealed.truth, self._long.context, self._long.full_drive, self._range)

    @cached_property
    def _impulse_examples(self) -> list[tuple[int, int]]:
        """Pairs whose responses are kept for pictures: the first neuron of each group, and who truly answers it most.

        The response is to the last amplitude, averaged over states; a neuron that nobody answers has no pair.
        """
        spec, truth = self._sealed.spec, self._true_impulses[:, :, -1].mean(axis=0)  # [N, H, N]
        peaks = np.abs(truth).max(axis=1)  # [N, N]
        np.fill_diagonal(peaks, 0)
        sources = [int(spec.indices(group)[0]) for group in dict.fromkeys(spec.groups)]
        pairs = [(source, int(peaks[source].argmax())) for source in sources]
        return [(source, target) for source, target in pairs if peaks[source, target] > PEAK_THRESHOLD]
