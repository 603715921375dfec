from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from zfbench.forecasting.judge import Judge
from zfbench.forecasting.sealed import SealedTest
from zfbench.records.clamp import roll
from zfbench.records.program import CandidateError, Status
from zfbench.records.recordings import LabelledWindows, TaskSpec, Windows

N, D, C, H, B = 5, 2, 80, 70, 12


class LinearSystem:
    """a(t) = A a(t-1) + B x(t): every score is known in closed form."""

    def __init__(self, A, drive_weights):
        self.A, self.drive_weights = A, drive_weights

    def rollout(self, context, drive, clamp=None):
        return roll(lambda a, x: a @ self.A.T + x @ self.drive_weights.T, context, drive, clamp)


@pytest.fixture(scope="module")
def system():
    rng = np.random.default_rng(0)
    A = 0.8 * np.eye(N)
    A[np.arange(1, N), np.arange(N - 1)] = [0.3, -0.3, 0.2, -0.2]  # a chain of four edges
    return LinearSystem(A, 0.1 * rng.normal(size=(N, D)))


@pytest.fixture(scope="module")
def sealed(system):
    rng = np.random.default_rng(1)
    windows = []
    for condition in ("seen", "new"):
        start = rng.normal(size=(B, 1, N)).astype(np.float32)
        drive = rng.normal(size=(B, C + H, D)).astype(np.float32)
        context = system.rollout(start, drive[:, : C + 1])
        inputs = Windows((condition,) * B, context, drive)
        windows.append(LabelledWindows(inputs, system.rollout(context, drive)))
    test, ood = windows
    wiring = (np.sign(system.A) * (1 - np.eye(N))).astype(np.int8)
    spec = TaskSpec(
        name="line/driven",
        description="",
        contract="",
        dt_ms=1.0,
        horizon=H,
        context=C,
        neurons=tuple("abcde"),
        groups=("p", "p", "q", "q", "q"),
        drive=("x", "y"),
    )
    return SealedTest(
        spec=spec,
        track="driven",
        tier="tiny",
        circuit="line",
        holdout="new",
        data_sha256="0" * 64,
        test=test,
        ood=ood,
        full_drive_test=test.inputs.drive,
        full_drive_ood=ood.inputs.drive,
        truth=system,
        wiring=wiring,
        allowed=np.abs(wiring) + np.eye(N, k=2) > 0,
        train_mean=test.target.mean((0, 1)).astype(float),
        train_sd=test.target.std((0, 1)).astype(float),
    )


def test_the_truth_scores_at_the_ceiling(sealed, system):
    scores = Judge(sealed).score(system)
    m = scores.metrics
    assert scores.notes == []
    assert m["forecast/id/mae"] == m["forecast/ood/mae"] == m["dynamics/impulse/error"] == 0
    assert m["intervention/error"] == 0
    assert m["connectivity/wiring/lift"] == m["connectivity/wiring/sign_accuracy"] == 1
    assert m["connectivity/jacobian/weight_spearman"] == pytest.approx(1)
    assert set(scores.metric_versions) == {"forecast", "connectivity", "dynamics", "intervention", "headline"}
    for name in ("generalisation", "wiring", "responses", "mean"):
        assert m[f"headline/{name}"] == 1
        assert m[f"headline/{name}_se"] == 0


def test_the_recovered_jacobian_of_a_linear_system_is_its_matrix(sealed, system):
    other = LinearSystem(system.A + 0.05 * np.eye(N, k=1), system.drive_weights)
    scores = Judge(sealed).score(other)
    recovered = scores.pictures["connectivity/mean_jacobian"]
    np.testing.assert_allclose(recovered, other.A, atol=1e-3)  # in half precision


def test_a_model_with_halved_coupling_halves_the_response_of_the_next_neuron(sealed, system):
    A = system.A.copy()
    A[1, 0] /= 2
    scores = Judge(sealed).score(LinearSystem(A, system.drive_weights))
    m = scores.metrics
    assert 0 < m["dynamics/impulse/error/group/p"] < 1
    assert m["dynamics/impulse/error/group/q"] == pytest.approx(0, abs=1e-5)
    assert m["connectivity/wiring/sign_accuracy"] == 1


def test_the_strongest_response_to_an_example_neuron_is_kept_for_pictures(sealed, system):
    """Kicked by 0.2, a linear system answers 0.2 A^k e_j; the chain passes a's kick on."""
    A = system.A.copy()
    A[3, 2] = 0  # the model gets one edge wrong; whose responses are shown is up to the truth
    for model in (system, LinearSystem(A, system.drive_weights)):
        kept = Judge(sealed).score(model).pictures
        shown = {n.rsplit("/", 1)[1]: c for n, c in kept.items() if n.startswith("dynamics/impulse/example/")}
        assert set(shown) == {"a to c", "c to d"}
        for name, (source, target) in {"a to c": (0, 2), "c to d": (2, 3)}.items():
            powers = [0.2 * np.linalg.matrix_power(model.A, k)[target, source] for k in range(1, 1 + len(shown[name]))]
            np.testing.assert_allclose(shown[name], powers, atol=1e-4)  # in half precision


def test_nobody_answers_in_a_circuit_without_edges(sealed, system):
    free = LinearSystem(0.8 * np.eye(N), system.drive_weights)
    curves = Judge(replace(sealed, truth=free)).score(free).curves
    assert not [name for name in curves if name.startswith("dynamics/impulse/example/")]


def test_a_model_that_responds_to_nothing_scores_at_the_floor(sealed):
    class Constant:
        def rollout(self, context, drive, clamp=None):
            return np.zeros((len(context), drive.shape[1] - context.shape[1], N), np.float32)

    m = Judge(sealed).score(Constant()).metrics
    assert m["dynamics/impulse/error"] == m["intervention/error"] == 1
    assert m["connectivity/wiring/sign_accuracy"] == m["connectivity/wiring/lift"] == 0
    assert m["headline/wiring"] == m["headline/responses"] == 0


def test_a_model_that_only_forecasts_is_not_probed(sealed):
    class Direct:
        def fit(self, train, validation, limits):
            pass

        def forecast(self, context, drive):
            return np.repeat(context[:, -1:], drive.shape[1] - context.shape[1], axis=1)

    scores = Judge(sealed).score(Direct())
    assert set(scores.metric_versions) == {"forecast", "headline"}
    assert [n for n in scores.metrics if n.startswith("headline")] == [
        "headline/generalisation",
        "headline/generalisation_se",
    ]
    assert scores.metrics["headline/generalisation"] == 0
    assert scores.metrics["forecast/ood/skill_last_value"] == 0
    assert not any(name.startswith(("connectivity", "dynamics", "intervention")) for name in scores.metrics)


def test_predictions_that_are_not_finite_are_noted_and_cost_their_family_only(sealed, system):
    class Explodes(LinearSystem):
        def rollout(self, context, drive, clamp=None):
            path = super().rollout(context, drive, clamp)
            if clamp is not None:
                path[:, 3] = np.nan
            return path

    scores = Judge(sealed).score(Explodes(system.A, system.drive_weights))
    first, second = scores.notes
    assert first.startswith("no intervention scores: ")
    assert second == "the headline score responses is at its worst, 0, for what is missing"
    assert set(scores.metric_versions) == {"forecast", "connectivity", "dynamics", "headline"}
    m = scores.metrics
    assert (m["headline/generalisation"], m["headline/wiring"], m["headline/responses"]) == (1, 1, 0)
    assert m["headline/mean"] == pytest.approx(2 / 3)


def test_a_forecast_that_fails_out_of_distribution_leaves_no_half_of_a_family(sealed, system):
    class Dies(LinearSystem):
        asked = 0

        def rollout(self, context, drive, clamp=None):
            self.asked += 1
            if self.asked == 2:
                raise CandidateError(Status.TIMEOUT, "It took too long.")
            return super().rollout(context, drive, clamp)

    scores = Judge(sealed).score(Dies(system.A, system.drive_weights))
    assert scores.notes[0] == "no forecast scores nor later ones: It took too long."
    assert scores.curves == {}
    m = scores.metrics
    assert {name.split("/")[0] for name in m} == {"headline"}
    assert (m["headline/generalisation"], m["headline/wiring"], m["headline/responses"]) == (-1, -1, 0)
    assert m["headline/mean"] == pytest.approx(-2 / 3)


def test_a_program_whose_process_ended_is_asked_nothing_more(sealed, system):
    class Dies(LinearSystem):
        dead = False

        def rollout(self, context, drive, clamp=None):
            assert not self.dead
            if drive.shape[1] - context.shape[1] == 1:
                self.dead = True
                raise CandidateError(Status.TIMEOUT, "It took too long.")
            return super().rollout(context, drive, clamp)

    scores = Judge(sealed).score(Dies(system.A, system.drive_weights))
    assert scores.notes[0] == "no connectivity scores nor later ones: It took too long."
    assert set(scores.metric_versions) == {"forecast", "headline"}
    assert scores.metrics["headline/wiring"] == -1


def test_the_mask_alone_ranks_edges_by_what_it_allows(sealed):
    scores = Judge(sealed).score(SimpleNamespace(edges=lambda: sealed.allowed.astype(float)))
    assert set(scores.metric_versions) == {"connectivity", "headline"}
    m = scores.metrics
    # 4 edges among 7 allowed pairs (2 x 3 extra), 20 pairs in all: ties at the top have precision 4/7
    assert m["connectivity/wiring/average_precision"] == pytest.approx(4 / 7)
    assert m["connectivity/wiring/prevalence"] == pytest.approx(4 / 20)


@pytest.mark.parametrize("track", ["driven", "autonomous"])
def test_skill_is_one_minus_the_ratio_to_the_control(driven_judge, track):
    sealed = driven_judge.sealed
    from zfbench.runs.tasks import load_judge

    judge = load_judge(f"zfish-tiny/{track}")

    class Half:
        def fit(self, train, validation, limits):
            pass

        def forecast(self, context, drive):
            B = len(context)
            windows = sealed.test if len(sealed.test) == B else sealed.ood
            return 0.5 * (windows.target + windows.inputs.context[:, -1:])

    m = judge.score(Half()).metrics
    assert m["forecast/id/skill_last_value"] == pytest.approx(0.5, abs=1e-6)
    assert m["forecast/ood/skill_last_value"] == pytest.approx(0.5, abs=1e-6)


def test_a_direct_forecaster_with_a_map_between_neurons_shows_the_derivative_of_its_first_step(sealed, system):
    class Whole:
        one_step_map = True

        def fit(self, train, validation, limits):
            pass

        def forecast(self, context, drive):
            assert context.shape[1:] == (C, N)
            assert drive.shape[1] == C + H  # whole windows only
            return system.rollout(context, drive)

    scores = Judge(sealed).score(Whole())
    assert set(scores.metric_versions) == {"forecast", "connectivity", "headline"}
    assert scores.metrics["headline/wiring"] == 1
    assert "headline/mean" not in scores.metrics
    recovered = scores.pictures["connectivity/mean_jacobian"]
    np.testing.assert_allclose(recovered, system.A, atol=1e-3)  # in half precision
    assert "connectivity/eigenvalue_distance" not in scores.metrics


def test_a_probabilistic_forecaster_is_scored_by_its_median_and_its_crps(sealed):
    class Spread:
        def fit(self, train, validation, limits):
            pass

        def forecast(self, context, drive):
            return np.median(self.sample(context, drive), axis=0)

        def sample(self, context, drive):
            return np.stack([np.full((len(context), H, N), value, np.float32) for value in (-3.0, 0.0, 0.5)])

    m = Judge(sealed).score(Spread()).metrics
    assert m["forecast/id/mae"] == pytest.approx(np.abs(sealed.test.target).mean())
    y = sealed.test.target.astype(float)
    error = (np.abs(y + 3) + np.abs(y) + np.abs(y - 0.5)).mean() / 3
    assert m["forecast/id/crps"] == pytest.approx(error - (3 + 3.5 + 0.5) / 6)
