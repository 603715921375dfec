from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.forecast import SD_FLOOR, score_forecast

B, H, N = 6, 4, 5
CONDITIONS = ("inward", "inward", "left", "outward", "left", "inward")
GROUPS = ("x", "y", "x", "y", "z")
LABELS = (CONDITIONS, GROUPS)
SD = np.array([0.1, 0.2, 0.3, 0.4, 0.5])

seeds = st.integers(0, 10_000)


def draw(seed):
    return np.random.default_rng(seed).random((3, B, H, N))


def test_mean_absolute_error_agrees_with_scikit_learn_along_every_axis():
    prediction, target, control = draw(0)
    mae = score_forecast(prediction, target, control, SD, *LABELS).mae
    assert mae.overall == pytest.approx(mean_absolute_error(target.ravel(), prediction.ravel()))
    for h in range(H):
        assert mae.per_step[h] == pytest.approx(mean_absolute_error(target[:, h], prediction[:, h]))
    y = [1, 3]
    assert mae.per_group["y"] == pytest.approx(mean_absolute_error(target[..., y].ravel(), prediction[..., y].ravel()))
    left = [2, 4]
    assert mae.per_condition["left"] == pytest.approx(
        mean_absolute_error(target[left].ravel(), prediction[left].ravel())
    )
    assert list(mae.per_condition) == ["inward", "left", "outward"]


def test_standardised_error_is_scikit_learns_on_activity_divided_by_sd():
    prediction, target, control = draw(1)
    scored = score_forecast(prediction, target, control, SD, *LABELS).standardised
    assert scored.overall == pytest.approx(mean_absolute_error((target / SD).ravel(), (prediction / SD).ravel()))
    error = np.abs(prediction - target)[..., [1, 3]] / [0.2, 0.4]
    assert scored.per_group["y"] == pytest.approx(error.mean())


@given(seed=seeds, scale=st.floats(1e-2, 1e2))
def test_standardised_error_and_skill_do_not_depend_on_the_unit_of_activity(seed, scale):
    prediction, target, control = draw(seed)
    one = score_forecast(prediction, target, control, SD, *LABELS)
    other = score_forecast(scale * prediction, scale * target, scale * control, scale * SD, *LABELS, sd_floor=0.0)
    assert other.standardised.overall == pytest.approx(one.standardised.overall)
    assert other.skill.per_step == pytest.approx(one.skill.per_step)
    assert other.mae.overall == pytest.approx(scale * one.mae.overall)


@given(seed=seeds)
def test_order_of_windows_and_neurons_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    w, n = rng.permutation(B), rng.permutation(N)
    arrays = draw(seed)
    one = score_forecast(*arrays, SD, *LABELS)
    moved = (a[w][:, :, n] for a in arrays)
    labels = ([CONDITIONS[i] for i in w], [GROUPS[i] for i in n])
    other = score_forecast(*moved, SD[n], *labels)
    for part in ("mae", "standardised", "skill"):
        a, b = getattr(one, part), getattr(other, part)
        assert b.overall == pytest.approx(a.overall)
        assert b.per_step == pytest.approx(a.per_step)
        for axis in ("per_group", "per_condition"):
            assert getattr(b, axis) == pytest.approx(getattr(a, axis))


@given(seed=seeds)
def test_perfect_forecast_has_no_error_and_full_skill_and_the_control_has_none(seed):
    prediction, target, control = draw(seed)
    perfect = score_forecast(target, target, control, SD, *LABELS)
    assert perfect.mae.overall == 0
    assert set(perfect.skill.per_step) == {1.0}
    floor = score_forecast(control, target, control, SD, *LABELS)
    assert floor.skill.overall == 0
    assert set(floor.skill.per_group.values()) == {0.0}
    assert score_forecast(prediction, target, control, SD, *LABELS).skill.overall < 1


def test_skill_is_the_relative_gain_over_the_control():
    target = np.zeros((B, H, N))
    scored = score_forecast(target + 0.25, target, target - 1.0, SD, *LABELS)
    assert scored.skill.overall == pytest.approx(0.75)


def test_skill_against_a_perfect_control_is_undefined():
    prediction, target, _ = draw(2)
    scored = score_forecast(prediction, target, target, SD, *LABELS)
    assert scored.skill.overall is None
    assert set(scored.skill.per_condition.values()) == {None}


def test_flat_neurons_are_left_out_of_the_standardised_error_only():
    prediction, target, control = draw(3)
    sd = SD.copy()
    sd[4] = SD_FLOOR / 2
    scored = score_forecast(prediction, target, control, sd, *LABELS)
    assert scored.standardised.per_group["z"] is None
    error = np.abs(prediction - target)
    assert scored.standardised.overall == pytest.approx((error[..., :4] / SD[:4]).mean())
    assert scored.standardised.per_step[1] == pytest.approx((error[:, 1, :4] / SD[:4]).mean())
    assert scored.mae.overall == pytest.approx(error.mean())


def test_standardised_error_is_undefined_if_every_neuron_is_flat():
    scored = score_forecast(*draw(4), np.zeros(N), *LABELS)
    assert scored.standardised.overall is None


def test_float32_predictions_are_accumulated_in_float64():
    # a float32 mean of 300,000 equal entries is not exact, a float64 mean is to twelve digits
    target = np.zeros((300, 1000, 1), np.float32)
    prediction = np.full_like(target, 0.1)
    scored = score_forecast(prediction, target, prediction, np.ones(1), ["c"] * 300, ["g"])
    assert scored.mae.overall == pytest.approx(float(np.float32(0.1)), rel=1e-12)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_first_window_and_step_that_is_not_finite_is_named(value):
    prediction, target, control = draw(5)
    prediction[4, 0, 0] = value
    prediction[2, 3, 1] = value
    prediction[2, 3, 4] = value
    with pytest.raises(ZfbenchError, match=r"prediction is not finite, first at window 2, step 3, neuron 1;"):
        score_forecast(prediction, target, control, SD, *LABELS)


def test_a_prediction_of_the_wrong_shape_is_refused(shapes_unchecked):
    prediction, target, control = draw(6)
    with pytest.raises(ZfbenchError, match=r"prediction has shape \(6, 3, 5\).*\(6, 4, 5\)"):
        score_forecast(prediction[:, 1:], target, control, SD, *LABELS)


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(ZfbenchError, match="give 6 and 5"):
        score_forecast(*draw(7), SD, CONDITIONS[1:], GROUPS)


def test_a_score_is_plain_data():
    scored = score_forecast(*draw(8), SD, *LABELS)
    assert json.loads(json.dumps(asdict(scored)))["mae"]["overall"] == scored.mae.overall
