"""The more of the true circuit is damaged, the lower the headline scores: a small part of bench_damage.py."""

from __future__ import annotations

import numpy as np
import pytest
from damage import DAMAGES, Ruler, bout_suppression, false_edges, missing, nonlinearity, signs, time_constants, weights
from scipy.stats import spearmanr

from zfbench.testbed.published import published


@pytest.fixture(scope="module")
def ruler(driven_judge):
    return Ruler(driven_judge.sealed)


def test_the_undamaged_circuit_scores_one(ruler):
    for name, found in ruler.score(published(), 0).items():
        assert found.value == pytest.approx(1, abs=1e-5), name


@pytest.mark.parametrize("damage", [weights, signs, missing, false_edges, nonlinearity], ids=lambda d: d.__name__)
def test_the_mean_of_the_headline_scores_falls_with_the_dose(ruler, damage):
    doses = DAMAGES[damage][:4]
    values = [ruler.score(damage(published(), dose, np.random.default_rng(1)), 0)["mean"].value for dose in doses]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.7
    assert values[-1] < 0.5


@pytest.mark.parametrize("damage", [time_constants, bout_suppression], ids=lambda d: d.__name__)
def test_what_leaves_the_wiring_as_it_is_is_seen_by_the_other_two(ruler, damage):
    found = ruler.score(damage(published(), 0.5, np.random.default_rng(2)), 0)
    assert found["wiring"].value > 0.98
    for name in ("generalisation", "responses"):
        assert 1 - found[name].value > 2 * found[name].standard_error > 0


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda d: d.__name__)
def test_dose_and_score_have_opposite_orders_until_all_is_broken(ruler, damage):
    doses, values = [], []
    for dose in DAMAGES[damage]:
        rng = np.random.default_rng(int(1000 * dose))
        of_dose = [ruler.score(damage(published(), dose, rng), draw)["mean"].value for draw in range(10)]
        doses += [dose] * len(of_dose)
        values += of_dose
        if np.mean(of_dose) < 0.2:
            break
    if len(set(doses)) > 1:
        assert spearmanr(doses, values).statistic <= -0.9
