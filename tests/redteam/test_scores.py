"""What shows a wiring it does not use scores no better than its honest part; what uses one unusually is still read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from false_models import (
    PUBLISHED,
    WEIGHTS,
    ColdFiltering,
    Correcting,
    Counting,
    Deaf,
    Delayed,
    DriveAlone,
    Filtering,
    FinelyRoundedFreeSteps,
    FollowingShadow,
    FreeSteps,
    Idle,
    Innovation,
    LateShadow,
    Quantised,
    QuantisedInnovation,
    Ripple,
    Ripples,
    RoundedFreeSteps,
    RoundedSwitching,
    Shadow,
    ShortContexts,
    SlowShadow,
    Stepping,
    Switching,
    rounded,
)

import zfbench.testbed.published
from zfbench.forecasting.judge import Judge
from zfbench.forecasting.judge_early import judge_early, reconsider
from zfbench.forecasting.judge_responses import ResponseJudge
from zfbench.forecasting.judge_wiring import judge_wiring
from zfbench.forecasting.probes import PROBE_CONTEXT, choose_states
from zfbench.records.identities import broken
from zfbench.records.program import CandidateError, Status
from zfbench.records.scores import Scores
from zfbench.scoring import headline
from zfbench.scoring.headline import Headline
from zfbench.testbed.published import CANARY

STATES, CONTEXT = 8, 8  # fewer than the judge's own, for time


def wiring(sealed, model, seed=0):
    """The headline score of wiring, and what is noted."""
    scores = Scores()
    whole = choose_states(sealed, STATES)
    found = judge_wiring(model, sealed, whole, CONTEXT, np.random.default_rng(seed), scores)
    return found.value, scores


def asked_again(sealed, model, seed=0):
    """The wiring that kicks of a context's end show, what other places of a context leave of it, and the notes."""
    scores, rng = Scores(), np.random.default_rng(seed)
    whole = choose_states(sealed, STATES)
    shown = judge_wiring(model, sealed, whole, CONTEXT, rng, scores)
    return shown.value, reconsider(model, sealed, whole, PROBE_CONTEXT, shown, rng, scores), scores


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("fraud", [Ripple, Ripples, Innovation, Deaf])
def test_a_wiring_that_is_only_shown_is_not_scored(driven_judge, fraud, seed):
    """The honest part of each has no edges, or answers nothing, and so a score of 0."""
    value, scores = wiring(driven_judge.sealed, fraud(), seed)
    assert value == pytest.approx(0, abs=0.05)
    shown = scores.metrics["connectivity/cross/lift"]
    assert shown < 0.3 or any(note.startswith("readings of the wiring disagree") for note in scores.notes)


def test_a_model_that_becomes_another_one_once_it_is_kicked_is_flagged_and_scores_little(driven_judge):
    value, scores = wiring(driven_judge.sealed, Switching())
    assert scores.metrics["connectivity/reading/median"] > 0.8
    assert value < 0.35
    assert scores.notes[0].startswith("readings of the wiring disagree")


@pytest.mark.parametrize("fraud", [FreeSteps, ShortContexts])
def test_a_wiring_that_no_forecast_uses_is_flagged_and_not_scored(driven_judge, fraud):
    """Both show the truth wherever recorded activity is kicked, and forecast without any edge."""
    value, scores = wiring(driven_judge.sealed, fraud())
    shown = scores.metrics
    assert min(shown[f"connectivity/reading/{name}"] for name in ("median", "common", "free")) > 0.95
    assert value == pytest.approx(shown["connectivity/reading/late"])
    assert value < 0.2
    assert any(note.startswith("the wiring that is shown is not the one that forecasts") for note in scores.notes)


def test_quantised_predictions_excuse_no_innovation_term(driven_judge):
    value, scores = wiring(driven_judge.sealed, QuantisedInnovation())
    assert scores.metrics["connectivity/reading/coarse"] > 0.5
    assert value < 0.2
    assert "quantised" in scores.notes[0]


@pytest.mark.parametrize("fraud", [RoundedFreeSteps, FinelyRoundedFreeSteps, RoundedSwitching])
def test_quantised_predictions_excuse_no_other_course_after_kicks(driven_judge, fraud):
    value, scores = wiring(driven_judge.sealed, fraud())
    assert scores.metrics["connectivity/reading/coarse"] > 0.8
    assert value < 0.2
    assert scores.notes[-1].startswith(("readings of the wiring disagree", "the wiring that is shown is not the one"))


@pytest.mark.parametrize("fraud", [Shadow, FollowingShadow, SlowShadow, LateShadow])
def test_two_models_of_which_one_answers_all_kicks_are_told_apart_at_the_beginning_of_a_context(driven_judge, fraud):
    """The forecasts of each come from a model without edges, which no kick at the end of a context reaches."""
    shown, again, scores = asked_again(driven_judge.sealed, fraud())
    assert shown > 0.9
    assert again.wiring.value == pytest.approx(scores.metrics["connectivity/reading/early"])
    assert again.wiring.value < 0.2
    assert [note[:33] for note in scores.notes] == ["readings of the wiring disagree: "]
    assert again.cap_responses(Headline(0.8, 0.01), scores).value < 0.2
    assert scores.notes[1].startswith("readings of the responses disagree: 0.80 as asked, ")


@pytest.mark.parametrize("fraud", [DriveAlone, Counting])
def test_what_is_known_not_to_be_seen_a_forecast_that_no_activity_reaches_or_that_waits(driven_judge, fraud):
    """Limits that docs/security.md states: one reads the drive alone, the other begins where no short context ends."""
    shown, again, scores = asked_again(driven_judge.sealed, fraud())
    assert again.wiring.value == shown > 0.9
    assert scores.notes == []
    assert bool(again.responses) == (fraud is Counting)  # its impulse responses die away after whole contexts


@pytest.mark.parametrize(
    "honest",
    [Idle, Delayed, Filtering, Correcting, lambda: Innovation(PUBLISHED), rounded(Idle, 255), rounded(Delayed, 255)],
)
def test_honest_hidden_state_costs_nothing(driven_judge, honest):
    shown, again, scores = asked_again(driven_judge.sealed, honest())
    assert again.wiring.value == shown > 0.85
    assert again.responses == {}
    assert not any("where its beginning is" in note for note in scores.notes)
    early = judge_early(
        honest(), driven_judge.sealed, choose_states(driven_judge.sealed, STATES), np.random.default_rng(1)
    )
    assert early.wiring > 0.95


def test_a_program_that_a_short_context_leaves_cold_is_said_nothing_of(driven_judge):
    sealed = driven_judge.sealed
    early = judge_early(ColdFiltering(), sealed, choose_states(sealed, STATES), np.random.default_rng(1))
    assert early.wiring < 0.5 < 0.9 < early.kicked
    assert early.cold
    shown, again, _ = asked_again(sealed, ColdFiltering())
    assert (again.wiring.value, again.responses) == (shown, {})


def test_responses_that_no_forecast_has_are_flagged_and_not_scored(driven_judge, make):
    """A model that counts its context shows the truth where responses are asked for, and forecasts without any edge."""
    judge = Judge(driven_judge.sealed)
    judge._states = choose_states(driven_judge.sealed, STATES)
    scores = judge.score(ShortContexts())
    assert scores.metrics["dynamics/impulse/cross/error"] < 0.1
    assert scores.metrics["headline/responses"] == pytest.approx(0, abs=0.05)
    assert scores.notes[-1].startswith("readings of the responses disagree: 0.")
    assert scores.notes[-1].endswith("after whole contexts; the lowest counts")
    result = make(metrics=scores.metrics, metric_versions=scores.metric_versions, notes=scores.notes)
    assert list(broken(result)) == []


def test_an_innovation_term_over_the_true_circuit_costs_nothing(driven_judge):
    """A program with an observer, written in good faith, is read by what its free run does."""
    value, _ = wiring(driven_judge.sealed, Innovation(PUBLISHED))
    assert value > 0.9


@pytest.mark.parametrize("seed", range(2))
def test_the_true_circuit_is_read_as_such_whatever_steps_are_drawn(driven_judge, seed):
    assert wiring(driven_judge.sealed, Stepping(PUBLISHED), seed)[0] == pytest.approx(1)


def test_a_delay_of_a_step_is_still_a_wiring(driven_judge):
    value, scores = wiring(driven_judge.sealed, Delayed())
    assert value > 0.95
    assert scores.notes == []
    assert scores.metrics["connectivity/reading/last"] == 0  # nothing crosses within one step


def test_quantised_predictions_are_flagged_and_still_read(driven_judge):
    value, scores = wiring(driven_judge.sealed, Quantised())
    assert value > 0.85
    assert "quantised" in scores.notes[0]


def test_answering_no_perturbation_gains_nothing_over_trying(driven_judge):
    whole = choose_states(driven_judge.sealed, STATES)
    judge = ResponseJudge(replace(driven_judge.sealed, spec=replace(driven_judge.sealed.spec, horizon=32)), whole, 8)
    wrong = replace(PUBLISHED, name="wrong", weights=PUBLISHED.weights * np.where(WEIGHTS != 0, -1, 1), gates=())

    def responses(model):
        return headline.responses(judge.impulses(model, Scores()), judge.interventions(model, Scores())).value

    assert responses(Deaf()) == responses(Stepping()) == 0
    assert responses(Stepping(wrong)) == 0  # every sign flipped: worse than nothing, and no worse than deaf
    assert responses(Stepping(PUBLISHED)) == pytest.approx(1, abs=1e-5)


class Refusing(Stepping):
    """The truth, but for windows that no recording holds."""

    def __init__(self, windows):
        super().__init__(PUBLISHED)
        self.known = {row[-1].tobytes() for w in windows for row in w.inputs.context}

    def rollout(self, context, drive, clamp=None):
        if any(row[-1].tobytes() not in self.known for row in context):
            raise CandidateError(Status.NON_FINITE, "A forecast became non-finite.")
        return super().rollout(context, drive, clamp)


def test_refusing_to_be_probed_has_the_worst_score_of_what_it_refuses(driven_judge):
    sealed = driven_judge.sealed
    scores = Judge(sealed).score(Refusing((sealed.test, sealed.ood)))
    m = scores.metrics
    assert m["headline/generalisation"] == pytest.approx(1, abs=1e-6)
    assert (m["headline/wiring"], m["headline/responses"]) == (-1, 0)
    assert m["headline/mean"] == pytest.approx(0, abs=1e-6)
    assert scores.notes[0] == "no connectivity scores nor later ones: A forecast became non-finite."
    assert not [name for name in m if name.startswith(("connectivity", "dynamics", "intervention"))]


class Fickle(Stepping):
    """The truth, with noise that no seed of a call determines."""

    def __init__(self):
        super().__init__(PUBLISHED)
        self.rng = np.random.default_rng(0)

    def rollout(self, context, drive, clamp=None):
        path = super().rollout(context, drive, clamp)
        return path + self.rng.normal(0, 1e-6, path.shape).astype(np.float32)


def test_a_call_that_is_answered_in_two_ways_is_refused(driven_judge):
    with pytest.raises(CandidateError, match="answered in two ways") as caught:
        Judge(driven_judge.sealed).score(Fickle())
    assert caught.value.status is Status.NOT_REPEATABLE


class Leak(Stepping):
    """The truth, with forbidden inputs while a gate is open; the state holds a clock and the last prediction."""

    def __init__(self, gate):
        super().__init__(PUBLISHED)
        self.gate = gate

    def step(self, state, a, x):
        clock, predicted = (0, np.full_like(a, np.nan)) if state is None else state
        following = super().step(None, a, x)[1]
        leak = 1e-3 * (a @ (~PUBLISHED.group_mask()).T.astype(float))
        following = (following + np.where(self.gate(clock, a, predicted, x), leak, 0.0)).astype(np.float32)
        return (clock + 1, following.astype(float)), following


def test_a_mask_that_is_broken_at_the_probes_step_counts_alone_is_found_by_the_judge(loaded_masked):
    leak = Leak(lambda clock, a, predicted, x: (63 <= clock < 200) & np.ones_like(a, dtype=bool))
    assert_violates(loaded_masked.judge, leak)


def test_a_mask_that_is_broken_in_free_runs_alone_is_found_by_the_judge(loaded_masked):
    assert_violates(loaded_masked.judge, Leak(lambda clock, a, predicted, x: np.abs(a - predicted) < 1e-6))


def test_a_mask_that_is_broken_under_the_held_out_drive_alone_is_found_by_the_judge(loaded_masked):
    inputs = loaded_masked.judge.sealed.ood.inputs.drive
    held_out = {row.tobytes() for row in inputs.reshape(-1, inputs.shape[2])}

    def gate(clock, a, predicted, x):
        return np.array([[row.astype(np.float32).tobytes() in held_out] for row in x])

    assert_violates(loaded_masked.judge, Leak(gate))


def assert_violates(judge, model):
    with pytest.raises(CandidateError) as caught:
        judge.score(model)
    assert caught.value.status is Status.MASK_VIOLATION


def test_the_answer_in_the_source_is_flagged(driven_judge):
    class Written:
        source = Path(zfbench.testbed.published.__file__).read_text()
        report = None

        def close(self):
            pass

        def fit(self, train, validation, limits):
            pass

        def forecast(self, context, drive):
            return np.repeat(context[:, -1:], drive.shape[1] - context.shape[1], axis=1)

    scores = Judge(driven_judge.sealed).score(Written())
    assert scores.metrics["source/table_share"] > 0.5
    assert any("canary" in note for note in scores.notes)
    Written.source = "def step(a): return 0.5 * a + 0.01"
    scores = Judge(driven_judge.sealed).score(Written())
    assert scores.metrics["source/table_share"] == 0
    assert scores.notes == []
    assert CANARY in Path(zfbench.testbed.published.__file__).read_text()
