"""Contexts that begin with a kick are runs of the true model, and what is read from them agrees with other kicks."""

from types import SimpleNamespace

import numpy as np
import pytest

import zfbench.baselines.programs
import zfbench.forecasting.judge
from zfbench.forecasting.early import early_contexts, early_responses
from zfbench.forecasting.judge import Judge
from zfbench.forecasting.judge_early import Reconsidered, impulse_score, judge_early, reconsider
from zfbench.forecasting.judge_wiring import judge_wiring
from zfbench.forecasting.memory import keeps_state, may_keep_state
from zfbench.forecasting.model import ProgramModel
from zfbench.forecasting.probes import choose_states
from zfbench.records.clamp import roll
from zfbench.records.limits import Limits
from zfbench.records.scores import Scores
from zfbench.sandbox.process import ProcessSandbox
from zfbench.scoring.headline import Headline

SIZE, ENTRIES = 0.125, 3


@pytest.fixture(scope="module")
def sealed(driven_judge):
    return driven_judge.sealed


@pytest.fixture(scope="module")
def states(sealed):
    return choose_states(sealed, 4)


@pytest.fixture(scope="module")
def contexts(sealed, states):
    return early_contexts(sealed.truth, states, ENTRIES, SIZE)


def test_an_early_context_begins_with_a_kick_and_follows_the_true_model(sealed, states, contexts):
    N, C = len(sealed.spec.neurons), sealed.spec.context
    assert len(contexts) == 4
    for context, recorded, drive in zip(contexts, states.context, states.full_drive, strict=True):
        assert context.shape == (1 + 2 * N, ENTRIES, N)
        np.testing.assert_allclose(context[0], recorded[C - ENTRIES :], atol=1e-6)
        moves = context[1:, 0] - context[0, 0]
        np.testing.assert_allclose(moves, SIZE * np.concatenate([np.eye(N), -np.eye(N)]), atol=1e-6)
        for k in range(1, ENTRIES):
            shown = np.repeat(drive[None, C - ENTRIES + k - 1 : C - ENTRIES + k + 1], len(context), axis=0)
            following = sealed.truth.rollout(context[:, k - 1 : k], shown)[:, 0]
            np.testing.assert_allclose(following, context[:, k], atol=1e-6)


def test_responses_begin_with_what_the_end_of_the_context_shows(sealed, states, contexts):
    C, N = sealed.spec.context, len(sealed.spec.neurons)
    found = early_responses(sealed.truth, contexts, states.full_drive[:, C - ENTRIES : C + 5], SIZE)
    assert found.shape == (4, 2, 6, N, N)
    shown = (contexts[1][1 + 7, -1] - contexts[1][0, -1]) / SIZE
    np.testing.assert_allclose(found[1, 0, 0, :, 7], shown, atol=1e-6)
    shown = (contexts[1][0, -1] - contexts[1][1 + N + 7, -1]) / SIZE
    np.testing.assert_allclose(found[1, 1, 0, :, 7], shown, atol=1e-6)


def test_the_true_model_has_all_of_every_score(sealed, states):
    early = judge_early(sealed.truth, sealed, states, np.random.default_rng(0))
    assert (early.wiring, early.kicked, early.responses) == pytest.approx((1, 1, 1))
    assert impulse_score(sealed.truth, sealed, states, 8) == pytest.approx(1)


def test_a_model_that_keeps_its_last_value_responds_to_nothing(sealed, states):
    still = SimpleNamespace(rollout=lambda context, drive, clamp=None: roll(lambda a, x: a, context, drive, clamp))
    early = judge_early(still, sealed, states, np.random.default_rng(0))
    assert (early.wiring, early.responses) == pytest.approx((0, 0), abs=0.1)
    assert impulse_score(still, sealed, states, 8) == 0


def test_lower_responses_count_and_have_a_note():
    scores, shown = Scores(), Headline(0.4, 0.01)
    assert Reconsidered(shown, {}).cap_responses(shown, scores) == shown
    assert Reconsidered(shown, {"elsewhere": 0.5}).cap_responses(shown, scores) == shown
    assert Reconsidered(shown, {"elsewhere": 0.5}).cap_responses(None, scores) is None
    assert (scores.notes, scores.metrics) == ([], {})
    assert Reconsidered(shown, {"elsewhere": 0.3}).cap_responses(shown, scores) == Headline(0.3, 0.01)
    assert scores.notes == ["readings of the responses disagree: 0.40 as asked, 0.30 elsewhere; the lowest counts"]
    assert scores.metrics == {"dynamics/early/responses": 0.3}


def test_a_gated_recurrent_unit_answers_alike_wherever_it_is_asked(loaded_driven, sealed):
    task, source = loaded_driven.task, zfbench.baselines.programs.source("driven_gru")
    whole, rng, scores = choose_states(sealed, 4), np.random.default_rng(0), Scores()
    with ProcessSandbox() as sandbox, ProgramModel(source, task.spec, 0, sandbox) as model:
        model.fit(task.train, task.validation, Limits(100, 120.0))
        assert model.hidden_state
        shown = judge_wiring(model, sealed, whole, 16, rng, scores)
        again = reconsider(model, sealed, whole, 16, shown, rng, scores)
    assert shown.value > 0.15
    assert again == Reconsidered(shown, {})
    assert scores.notes == []


def test_a_model_without_hidden_state_is_asked_nothing_more(sealed, states, monkeypatch):
    def refuse(*_):
        raise AssertionError("it was asked")

    monkeypatch.setattr(zfbench.forecasting.judge, "reconsider", refuse)
    judge = Judge(sealed)
    judge._states = states
    assert "headline/wiring" in judge.score(SimpleNamespace(rollout=sealed.truth.rollout)).metrics
    stateful = SimpleNamespace(rollout=sealed.truth.rollout, hidden_state=True)
    with pytest.raises(AssertionError, match="it was asked"):
        judge.score(stateful)


def test_whether_a_model_keeps_state_is_believed_where_it_says_so_and_else_asked(sealed, states):
    probed = states.cut(8, 1)
    silent = SimpleNamespace(rollout=sealed.truth.rollout)
    mean = SimpleNamespace(rollout=lambda c, x, clamp=None: np.repeat(c.mean(axis=1, keepdims=True), 1, axis=1))
    says = SimpleNamespace(rollout=sealed.truth.rollout, hidden_state=True)
    assert [keeps_state(model, probed.context, probed.drive) for model in (silent, mean, says)] == [False, True, True]
    assert [may_keep_state(model) for model in (silent, says)] == [True, True]
    says.hidden_state = False
    assert not may_keep_state(says)
    assert not keeps_state(says, probed.context, probed.drive)
