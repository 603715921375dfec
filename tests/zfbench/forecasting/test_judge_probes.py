"""What a probe of mechanism starts from: a model's hidden state is warmed up, and the truth sees the real drive."""

from dataclasses import replace

import numpy as np
import pytest

from zfbench.forecasting.judge import Judge
from zfbench.forecasting.sealed import SealedTest
from zfbench.records.clamp import roll
from zfbench.records.recordings import LabelledWindows, TaskSpec, Windows

N, C, H, B = 4, 80, 70, 6
LEAK = 0.8 * np.eye(N)
COUPLING = np.zeros((N, N))
COUPLING[np.arange(1, N), np.arange(N - 1)] = [0.3, -0.3, 0.2]  # a chain of three edges


class Gated:
    """a(t) = (leak + g coupling) a(t-1), where the drive's only channel is the gain g; without a drive g is 0."""

    def rollout(self, context, drive, clamp=None):
        def step(a, x):
            return a @ LEAK.T + x.sum(axis=1, keepdims=True) * (a @ COUPLING.T)

        return roll(step, context, drive, clamp)


class Linear:
    """a(t) = A a(t-1), whatever the drive."""

    def __init__(self, A):
        self.A = A

    def rollout(self, context, drive, clamp=None):
        return roll(lambda a, x: a @ self.A.T, context, drive, clamp)


class WarmsUp:
    """The truth, once its hidden state has seen enough: after C steps its coupling is at 1 - 0.9^C of its strength."""

    def __init__(self):
        self.contexts = []

    def rollout(self, context, drive, clamp=None):
        self.contexts.append(context)
        return Linear(LEAK + (1 - 0.9 ** context.shape[1]) * COUPLING).rollout(context, drive, clamp)


def windows(condition, seed):
    """Windows of the gated system under a gain of 1 at every step, which the windows themselves do not show."""
    rng = np.random.default_rng(seed)
    gain = np.ones((B, C + H, 1), np.float32)
    context = Gated().rollout(rng.normal(size=(B, 1, N)).astype(np.float32), gain[:, : C + 1])
    context += rng.normal(size=context.shape).astype(np.float32)  # no state is at rest
    inputs = Windows((condition,) * B, context, np.empty((B, C + H, 0), np.float32))
    return LabelledWindows(inputs, Gated().rollout(context, gain)), gain


@pytest.fixture(scope="module")
def autonomous():
    """The sealed test of a track that hides the drive."""
    (test, gain), (ood, _) = windows("seen", 0), windows("new", 1)
    spec = TaskSpec(
        name="gated/autonomous",
        description="",
        contract="",
        dt_ms=1.0,
        horizon=H,
        context=C,
        neurons=tuple("abcd"),
        groups=("p", "p", "q", "q"),
        drive=(),
    )
    wiring = np.sign(COUPLING).astype(np.int8)
    return SealedTest(
        spec=spec,
        track="autonomous",
        tier="tiny",
        circuit="chain",
        holdout="new",
        data_sha256="0" * 64,
        test=test,
        ood=ood,
        full_drive_test=gain,
        full_drive_ood=gain,
        truth=Gated(),
        wiring=wiring,
        allowed=wiring != 0,
        train_mean=np.zeros(N),
        train_sd=np.ones(N),
    )


def test_where_the_track_hides_the_drive_mechanisms_are_compared_with_the_truth_under_the_real_one(autonomous):
    m = Judge(autonomous).score(Linear(LEAK + COUPLING)).metrics
    assert m["connectivity/excitable"] == 1  # all three edges act under a gain of 1
    assert m["connectivity/jacobian/sign_accuracy"] == 1
    assert m["connectivity/eigenvalue_distance"] == pytest.approx(0, abs=1e-2)
    for effect in ("dynamics/impulse/error", "intervention/error"):
        assert m[effect] == pytest.approx(0, abs=1e-4)


def test_a_track_that_hides_the_drive_has_no_headline(autonomous):
    scores = Judge(autonomous).score(Linear(LEAK + COUPLING))
    assert not [name for name in scores.metrics if name.startswith("headline")]
    assert "headline" not in scores.metric_versions


def test_a_model_of_the_circuit_without_its_drive_misses_every_edge(autonomous):
    m = Judge(autonomous).score(Linear(LEAK)).metrics
    assert m["connectivity/jacobian/sign_accuracy"] == 0
    assert m["dynamics/impulse/error"] > 0.1
    assert m["intervention/error"] == 1


def test_the_real_drive_is_that_of_each_probes_own_window(autonomous):
    """The gain is on in the held-out windows alone, and the step before the last marks them."""

    class Reads:
        def rollout(self, context, drive, clamp=None):
            gain = np.repeat(context[:, -2:-1, :1] > 50, drive.shape[1], axis=1)  # [B, C + H, 1]
            return Gated().rollout(context, gain.astype(np.float32), clamp)

    context = autonomous.ood.inputs.context.copy()
    context[:, -2, 0] = 100
    marked = replace(autonomous.ood, inputs=replace(autonomous.ood.inputs, context=context))
    off = np.zeros_like(autonomous.full_drive_test)
    m = Judge(replace(autonomous, ood=marked, full_drive_test=off)).score(Reads()).metrics
    assert m["connectivity/eigenvalue_distance"] == pytest.approx(0, abs=1e-2)
    assert m["dynamics/impulse/error"] == m["intervention/error"] == 0


def test_a_hidden_state_is_warm_before_a_probe(autonomous):
    scores = Judge(autonomous).score(WarmsUp())
    recovered = scores.pictures["connectivity/mean_jacobian"]
    np.testing.assert_allclose(recovered, LEAK + COUPLING, atol=1e-3)
    assert scores.metrics["dynamics/impulse/error"] < 0.01
    assert scores.metrics["intervention/error"] < 0.01


def test_probes_start_from_the_last_64_steps_of_a_window_and_move_the_last_of_them_alone(autonomous):
    model = WarmsUp()
    Judge(autonomous).score(model)
    whole = np.concatenate([autonomous.test.inputs.context, autonomous.ood.inputs.context])
    forecast, probes = model.contexts[:2], model.contexts[2:]
    assert [context.shape[1] for context in forecast] == [C, C]
    assert {context.shape[1] for context in probes} == {64}
    known = {row[C - 64 : -5].tobytes() for row in whole}
    asked = [row for context in probes for row in context]
    assert {row[:-5].tobytes() for row in asked} == known  # up to five entries are displaced together
    last = np.array([row[-1] for row in whole])
    displaced = [(np.abs(last - row[-1]) > 0).sum(axis=1).min() for row in asked]
    assert max(displaced) == 1  # one neuron at a time
