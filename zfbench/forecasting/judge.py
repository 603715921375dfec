"""The judge: scores a fitted model on the sealed test, from its predictions alone.

Probes of mechanism start at recorded states, half from the training conditions and half from the held-out one, and
the true model answers the same probes. A score that is not applicable to a kind of method is absent: a model that only
forecasts has no responses, and no wiring unless it says that the derivative of its first step means something. Where a
model makes an applicable score impossible, the headline score that needs it has its worst value. A model that breaks
its mask, or that answers one call in two ways, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from zfbench import scoring
from zfbench.base.errors import PluginError, ZfbenchError
from zfbench.base.seeds import generator
from zfbench.forecasting.answers import checked
from zfbench.forecasting.judge_early import Reconsidered, reconsider
from zfbench.forecasting.judge_responses import ResponseJudge
from zfbench.forecasting.judge_wiring import judge_direct_wiring, judge_edges, judge_wiring
from zfbench.forecasting.mask_check import verify_mask
from zfbench.forecasting.memory import keeps_state
from zfbench.forecasting.probes import PROBE_CONTEXT, ProbeStates, choose_states
from zfbench.forecasting.report import TrainingReport
from zfbench.forecasting.sealed import SealedTest
from zfbench.protocols.models import Direct, EdgeRanking, Forecaster, Probabilistic, Simulator
from zfbench.protocols.task import Candidate
from zfbench.records.evaluation import Generation
from zfbench.records.program import CandidateError, Program, Status
from zfbench.records.recordings import BALANCED, PLAIN
from zfbench.records.scores import Scores
from zfbench.scoring import headline
from zfbench.scoring.blocks import BlockScore
from zfbench.scoring.dynamics import spectral_distance
from zfbench.scoring.forecast import score_forecast
from zfbench.scoring.headline import WORST, Headline
from zfbench.scoring.probabilistic import crps
from zfbench.scoring.source import CANARY_NOTE, UNTRAINED, UNTRAINED_NOTE, table_share

SELECTION_SCORES = {BALANCED: "forecast/validation/balanced_error", PLAIN: "forecast/validation/mae"}
MARKS = (1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128, 181, 256)  # steps ahead of which the error is written down
SERVES = {  # each family of scores, and the headline score that needs it
    "forecast": "generalisation",
    "connectivity": "wiring",
    "dynamics": "responses",
    "intervention": "responses",
}

REFUSED = (Status.MASK_VIOLATION, Status.NOT_REPEATABLE)  # no score is given then, in any family


class Judge:
    """Scores any number of models on one sealed test; see `zfbench.protocols.task.TaskJudge`."""

    controls: ClassVar[Mapping[str, str]] = {}  # they are baselines

    def __init__(self, sealed: SealedTest) -> None:
        self.sealed = sealed

    @property
    def selection_score(self) -> str:
        """Name of the score that equals the loss on the validation windows; see `zfbench.scoring.objective`."""
        return SELECTION_SCORES[self.sealed.spec.objective]

    def score(
        self, model: Forecaster | Simulator, progress: Callable[[str], None] = lambda _: None, seed: int = 0
    ) -> Scores:
        """All scores of a fitted model.

        Args:
            model: forecasts; if it also is a `Simulator`, its mechanism is probed.
            progress: told the name of each stage as it begins.
            seed: of the run; with the task and the program it seeds what the judge draws.

        Returns:
            Scores, with a note for each family that the model's predictions made impossible (not finite, say).

        Raises:
            CandidateError: the model is refused: it breaks its mask, or answers the same call in two ways.
            PluginError: a model that is no program raises something, or answers in a wrong shape.
        """
        rng = self._generator(model, seed)
        model = checked(model)
        if isinstance(model, EdgeRanking):
            return self._edges(model)
        scores = Scores(metric_versions={"forecast": scoring.VERSIONS["forecast"]})  # of the validation loss, if alone
        headlines: dict[str, Headline | None] = {}
        blocks: dict[str, BlockScore] = {}
        asked_again: list[Reconsidered] = []
        stages = self._stages(model, rng, headlines, blocks, asked_again)
        failed: list[str] = []
        for name, stage in stages.items():
            progress(name)
            own = Scores(metric_versions={name: scoring.VERSIONS[name]})
            try:
                stage(own)
                scores.join(own)  # all of a family or nothing
            except CandidateError as error:
                if error.status in REFUSED:
                    raise
                # its process has ended: it can be asked nothing more
                failed += list(stages)[list(stages).index(name) :]
                scores.notes.append(f"no {name} scores nor later ones: {error}")
                break
            except PluginError:  # a fault of its code, and not of what it predicts
                raise
            except ZfbenchError as error:
                failed.append(name)
                scores.notes.append(f"no {name} scores: {error}")
        if len(blocks) == 2:
            headlines["responses"] = headline.responses(blocks["dynamics"], blocks["intervention"])
            for found in asked_again:
                headlines["responses"] = found.cap_responses(headlines["responses"], scores)
        if isinstance(model, Candidate):
            self._add_source(model, scores)
        self._add_headlines(headlines, failed, isinstance(model, Simulator), scores)
        return scores

    def score_generations(self, generations: Sequence[Generation]) -> Scores:  # noqa: ARG002
        """None: how a population moved has no score here."""
        return Scores()

    def _stages(
        self,
        model: Forecaster | Simulator,
        rng: np.random.Generator,
        headlines: dict[str, Headline | None],
        blocks: dict[str, BlockScore],
        asked_again: list[Reconsidered],
    ) -> dict[str, Callable[[Scores], None]]:
        """The families that a model of this kind has, in order; each fills in its headline score or its blocks."""

        def forecast(scores: Scores) -> None:
            headlines["generalisation"] = self._forecast(model, scores)

        stages: dict[str, Callable[[Scores], None]] = {"forecast": forecast}
        sealed, whole = self.sealed, self._states
        if isinstance(model, Simulator):
            simulator = model

            def connectivity(scores: Scores) -> None:
                self._refuse_what_is_not_repeatable(simulator)
                self._verify_mask(simulator, rng)
                shown = judge_wiring(simulator, sealed, whole, self._context, rng, scores)
                probed = whole.cut(self._context, 1)
                if shown is not None and sealed.spec.drive and keeps_state(simulator, probed.context, probed.drive):
                    asked_again.append(reconsider(simulator, sealed, whole, self._context, shown, rng, scores))
                    shown = asked_again[0].wiring
                headlines["wiring"] = shown

            def dynamics(scores: Scores) -> None:
                blocks["dynamics"] = self._responses.impulses(simulator, scores)

            def intervention(scores: Scores) -> None:
                blocks["intervention"] = self._responses.interventions(simulator, scores)

            stages |= {"connectivity": connectivity, "dynamics": dynamics, "intervention": intervention}
        elif isinstance(model, Direct) and model.one_step_map:
            direct = model

            def derivative(scores: Scores) -> None:
                headlines["wiring"] = judge_direct_wiring(direct, sealed, whole, rng, scores)

            stages["connectivity"] = derivative
        return stages

    def _add_headlines(
        self, headlines: dict[str, Headline | None], failed: Sequence[str], steps: bool, scores: Scores
    ) -> None:
        """Add the headline scores of a track that shows the drive; what failed has its worst value."""
        if not self.sealed.spec.drive:
            return
        for name in dict.fromkeys(SERVES[family] for family in failed):
            headlines[name] = Headline(WORST[name], 0.0)
            scores.notes.append(f"the headline score {name} is at its worst, {WORST[name]:g}, for what is missing")
        known = {name: found for name in WORST if (found := headlines.get(name)) is not None}
        if steps and len(known) == len(WORST):
            known["mean"] = headline.mean([known[name] for name in WORST])
        for name, value in known.items():
            scores.add(f"headline/{name}", value.value)
            scores.add(f"headline/{name}_se", value.standard_error)
        if known:
            scores.metric_versions["headline"] = scoring.VERSIONS["headline"]

    def _add_source(self, model: Candidate, scores: Scores) -> None:
        """How much of the system's published numbers stands in the text of a program, and what it knew untrained."""
        scores.add("source/table_share", table_share(model.source, self.sealed.constants))
        scores.metric_versions["source"] = scoring.VERSIONS["source"]
        if self.sealed.canary and self.sealed.canary in model.source:
            scores.notes.append(CANARY_NOTE)
        if isinstance(model.report, TrainingReport) and self._knew(model.report):
            scores.notes.append(UNTRAINED_NOTE)

    def _knew(self, report: TrainingReport) -> bool:
        """Whether a program forecast well before its first update, so that its numbers were written and not learned."""
        untrained = [error for update, error in report.selection_curve if update == 0]
        last = np.abs(self.sealed.test.inputs.context[:, -1:] - self.sealed.test.target).mean(dtype=np.float64)
        return bool(untrained) and untrained[0] < UNTRAINED * float(last)

    def _edges(self, model: EdgeRanking) -> Scores:
        """How well a ranking of edges finds the true ones; it forecasts nothing."""
        scores = Scores(metric_versions={"connectivity": scoring.VERSIONS["connectivity"]})
        found = judge_edges(model.edges(), self.sealed, scores)
        self._add_headlines({"wiring": found}, (), False, scores)
        return scores

    def _forecast(self, model: Forecaster | Simulator, scores: Scores) -> Headline | None:
        generalisation = None
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
            groups = self.sealed.spec.groups
            score = score_forecast(
                prediction, target, last_value, self.sealed.train_sd, windows.inputs.conditions, groups
            )
            mean = np.broadcast_to(self.sealed.train_mean, target.shape)
            scores.add(f"{prefix}/mae", score.mae.overall)
            scores.add(f"{prefix}/mae_sd", score.standardised.overall)
            scores.add(f"{prefix}/skill_last_value", score.skill.overall)
            scores.add(f"{prefix}/skill_mean", _skill_against(mean, score.mae.overall, target))
            scores.add_all(f"{prefix}/mae/condition", score.mae.per_condition)
            scores.add_all(f"{prefix}/mae/group", score.mae.per_group)
            scores.add_all(f"{prefix}/mae_sd/group", score.standardised.per_group)
            scores.add_all(f"{prefix}/skill_last_value/group", score.skill.per_group)
            balanced = headline.generalisation(prediction, target, last_value, groups)
            if balanced is not None:
                scores.add(f"{prefix}/balanced_skill", balanced.value)
            marks = [h for h in MARKS if h <= target.shape[1]]
            scores.add_curve("forecast/steps", [float(h) for h in marks])
            scores.add_curve(f"{prefix}/mae", [score.mae.per_step[h - 1] for h in marks])
            scores.add_curve(f"{prefix}/skill_last_value", [score.skill.per_step[h - 1] for h in marks])
            if split == "id":
                scores.add(f"{prefix}/spectral_distance", spectral_distance(prediction, target))
            else:
                generalisation = balanced
                window = len(target) // 2
                for i in self._examples:
                    scores.add_picture(f"{prefix}/example/{self.sealed.spec.neurons[i]}", prediction[window, :, i])
        return generalisation

    def _refuse_what_is_not_repeatable(self, model: Simulator) -> None:
        states = self._states.cut(self._context, 1)
        first, second = (model.rollout(states.context, states.drive) for _ in range(2))
        if not np.array_equal(first, second):
            raise CandidateError(
                Status.NOT_REPEATABLE,
                f"The same call was answered in two ways, {np.abs(first - second).max():.2g} apart; make the step a "
                "function of its inputs alone.",
            )

    def _verify_mask(self, model: Simulator, rng: np.random.Generator) -> None:
        """Verify the mask from the judge's own windows, at the context lengths of forecasts and of probes."""
        inputs = [self.sealed.test.inputs, self.sealed.ood.inputs]
        context, drive = (np.concatenate([getattr(w, name) for w in inputs]) for name in ("context", "drive"))
        verify_mask(model, self.sealed.spec, context, drive, rng, lengths=(context.shape[1], self._context))

    def _generator(self, model: object, seed: int) -> np.random.Generator:
        """The generator of all that is drawn for one judgement, from the task, the program and the seed."""
        program = Program(model.source).id if isinstance(model, Candidate) else type(model).__name__
        return generator(self.sealed.spec.name, program, seed)

    @property
    def _context(self) -> int:
        """The steps of context that a probe gives."""
        return min(PROBE_CONTEXT, self.sealed.spec.context)

    @cached_property
    def _states(self) -> ProbeStates:
        return choose_states(self.sealed)

    @cached_property
    def _responses(self) -> ResponseJudge:
        return ResponseJudge(self.sealed, self._states, self._context)

    @cached_property
    def _examples(self) -> list[int]:
        """The first neuron of each group, whose forecasts of one window are kept for pictures."""
        return [int(self.sealed.spec.indices(group)[0]) for group in dict.fromkeys(self.sealed.spec.groups)]


def _skill_against(control: NDArray, mae: float | None, target: NDArray) -> float | None:
    reference = float(np.abs(control - target).mean(dtype=np.float64))
    return None if mae is None or reference == 0 else 1 - mae / reference
