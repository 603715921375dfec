"""Several readings of one map agree where it is smooth and memoryless, and each misses something else where not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.connectivity import jacobian_from_responses, jacobian_probes
from zfbench.scoring.readings import (
    OCTAVES,
    common_reading,
    draw_step_sizes,
    free_running_map,
    grid_spacing,
    is_quantised,
    median_reading,
    share_off_course,
)
from zfbench.scoring.source import table_share

seeds = st.integers(0, 10_000)


@given(seed=seeds)
def test_step_sizes_come_from_every_range_and_differ_from_draw_to_draw(seed):
    rng = np.random.default_rng(seed)
    sizes, others = draw_step_sizes(rng), draw_step_sizes(rng)
    assert (np.digitize(np.log2(sizes), OCTAVES) == np.arange(1, len(OCTAVES))).all()
    assert not np.intersect1d(sizes, others).size


def test_the_median_reading_drops_what_two_of_five_sizes_show():
    readings = np.ones((5, 2, 3, 3))
    readings[:2, 0, 0, 1] = 100.0
    assert (median_reading(readings) == 1).all()
    readings[2, 0, 0, 1] = 100.0
    assert median_reading(readings)[0, 0, 1] == 100


def test_the_common_reading_is_the_smallest_effect_and_none_where_signs_differ():
    readings = np.array([3.0, -2.0, 5.0])[:, None, None, None] * np.array([[[1.0, 0.0], [1.0, 1.0]]])
    readings[:, 0, 1, 0] = [-4.0, -1.0, -2.0]
    readings[1, 0, 1, 1] = 2.0
    np.testing.assert_array_equal(common_reading(readings), [[[0, 0], [-1, 2]]])


def test_a_ripple_is_not_common_to_step_sizes_and_a_smooth_effect_is():
    sizes = draw_step_sizes(np.random.default_rng(4))
    a = np.linspace(0, 1, 50)[:, None, None]
    ripple = 1.5e-4 * np.array(
        [(np.sin(256 * np.pi * (a + h)) - np.sin(256 * np.pi * (a - h))) / (2 * h) for h in sizes]
    )
    smooth = np.array([(np.tanh(a + h) - np.tanh(a - h)) / (2 * h) for h in sizes])
    assert np.abs(ripple[0]).max() > 5e-3
    assert np.abs(common_reading(ripple)).max() < 1.5e-3
    np.testing.assert_allclose(common_reading(smooth), 1 - np.tanh(a) ** 2, atol=0.03)


def powers(A, T):
    return np.stack([np.linalg.matrix_power(A, t + 1) for t in range(T)])[None]


@pytest.mark.parametrize("T", [2, 5])
@given(seed=seeds)
def test_the_map_of_a_linear_system_is_found_in_its_free_run(T, seed):
    rng = np.random.default_rng(seed)
    A = 0.7 * np.eye(5) + 0.1 * rng.normal(size=(5, 5))
    np.testing.assert_allclose(free_running_map(powers(A, T))[0], A, atol=1e-3)


def test_what_is_shown_at_the_first_step_alone_is_not_in_the_free_run():
    """An innovation term answers recorded activity, and is zero on a program's own predictions: R_t = A^(t-1) F."""
    rng = np.random.default_rng(0)
    A, F = 0.8 * np.eye(4) + 0.1 * rng.normal(size=(4, 4)), np.eye(4) + rng.normal(size=(4, 4))
    R = np.stack([np.linalg.matrix_power(A, t) @ F for t in range(5)])[None]
    np.testing.assert_allclose(free_running_map(R)[0], A, atol=1e-3)


def test_a_direction_that_no_kick_reaches_is_left_at_zero():
    A = np.diag([0.5, 0.0])
    found = free_running_map(powers(A, 4))[0]
    np.testing.assert_allclose(found, A, atol=1e-4)
    assert (free_running_map(np.zeros((1, 3, 2, 2))) == 0).all()


def test_a_free_run_of_one_step_is_refused():
    with pytest.raises(ZfbenchError, match="at least two"):
        free_running_map(np.zeros((1, 1, 2, 2)))


def test_a_delayed_input_is_read_by_displacing_the_last_entries_together():
    """a_i(t) = .5 a_i(t-1) + sum_j W_ij a_j(t-2): nothing crosses within one step."""
    W = np.array([[0.0, 0.3], [-0.2, 0.0]])

    def step(context):
        return 0.5 * context[:, -1] + context[:, -2] @ W.T

    context = np.random.default_rng(0).random((3, 6, 2))
    last, lagged = (jacobian_from_responses(step(jacobian_probes(context, 0.01, d)), 0.01) for d in (1, 4))
    np.testing.assert_allclose(last, np.broadcast_to(0.5 * np.eye(2), last.shape), atol=1e-12)
    np.testing.assert_allclose(lagged, np.broadcast_to(0.5 * np.eye(2) + W, last.shape), atol=1e-12)


@pytest.mark.parametrize(("grid", "expected"), [(1 / 255, True), (2.0**-8, True), (2.0**-15, False), (None, False)])
def test_predictions_on_a_grid_are_recognised(grid, expected):
    values = np.random.default_rng(0).random((2_000, 3))
    values = values if grid is None else np.round(values / grid) * grid
    values[:, 2] = 0.5  # a neuron that says nothing
    assert is_quantised(values) is expected
    assert is_quantised(np.zeros((5, 2))) is False


def test_the_spacing_of_a_grid_is_that_of_each_neuron():
    values = np.round(np.random.default_rng(0).random((400, 3)) * [10, 100, 0]) / [10, 100, 1]
    np.testing.assert_allclose(grid_spacing(values), [0.1, 0.01, 0])


@given(seed=seeds, shift=st.sampled_from([0, 1]))
def test_rounding_is_no_other_course_and_a_shift_by_a_step_of_the_grid_is(seed, shift):
    rng, N, h, step = np.random.default_rng(seed), 20, 0.2, 1 / 255
    J = 0.05 * rng.normal(size=(4, N, N)) * (rng.random((4, N, N)) < rng.choice([0.05, 1]))  # sparse, or dense
    at = rng.random((4, N, 1))

    def rounded(a):
        return np.round(a / step) * step

    still, up, down = rounded(at), rounded(at + h * J) + shift * step, rounded(at - h * J) + shift * step
    sides = np.stack([up - still, still - down]) / h
    share = share_off_course(sides, h, np.full(N, step))
    assert share > 0.5 if shift else share == 0
    assert share_off_course(sides, h, np.zeros(N)) == 0


def test_the_share_of_a_table_counts_telling_numbers_of_either_sign_once():
    table = np.array([0.575, -0.575, -0.333, 12.0, 0.5, 200.0, 1.25e-3])  # .5 and 200 are what anybody writes
    assert table_share("", table) == 0
    assert table_share("w = [0.575, -12]  # 0.5", table) == pytest.approx(2 / 4)
    assert table_share("'0.575,0.333,12.0,1.25e-3'", table) == 1
    assert table_share("a0.575 = x12", table) == 0  # parts of names
    assert table_share("0.5", np.array([0.5, 2.0])) is None
