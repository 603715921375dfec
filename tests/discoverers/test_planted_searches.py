"""Methods on the planted landscape: where depth pays, selection beats a blind walk; on the flat twin nothing does."""

from itertools import combinations
from pathlib import Path

import pytest
from planted import BLOCKS, SEED_PROGRAM, SEEDS, SETTINGS, Landscape, best_found
from scipy.stats import wilcoxon

from zfbench.base import plugins

METHODS = " ".join((Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8").split())


def outcomes(method, seeds, flat=False):
    """The worth of the best program that each search found."""
    make = plugins.load("discoverer", method)
    return [best_found(make(seed, SEED_PROGRAM, **SETTINGS[method]), Landscape(seed, flat)) for seed in seeds]


@pytest.mark.parametrize("method", ["puct", "modelsmc"])
def test_a_method_that_selects_beats_the_blind_control_where_depth_pays(method):
    found, blind = outcomes(method, SEEDS), outcomes("random_walk", SEEDS)
    p = wilcoxon(found, blind, alternative="greater").pvalue
    assert p < 0.001
    assert f"{p:.0e} for `{method}`" in METHODS


@pytest.mark.slow  # a minute
def test_on_the_flat_twin_methods_separate_no_more_often_than_by_chance():
    """Every pair of methods, over twenty blocks of twenty seeds: at most 5 % of the tests at the level of 5 %."""
    found = {method: [outcomes(method, seeds, flat=True) for seeds in BLOCKS] for method in SETTINGS}
    values = [
        wilcoxon(one, other).pvalue
        for left, right in combinations(found.values(), 2)
        for one, other in zip(left, right, strict=True)
    ]
    assert len(values) == 60
    separate = sum(p < 0.05 for p in values)
    assert separate <= 0.05 * len(values)
    assert f"{separate} of 60 tests on the flat twin" in METHODS
