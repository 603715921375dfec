"""A score that changes for an unchanged method must raise the benchmark version.

`golden.json` holds the scores of methods without chance on the tiny data, with the version they were measured at.
After a change that is meant: raise `BENCHMARK_VERSION` in `zfbench/records/result.py`, say why in the changelog, then
run `ZFBENCH_WRITE_GOLDEN=1 pytest tests/leaderboard/test_golden.py` and measure the suites again.
"""

import json
import os
from pathlib import Path

import pytest

from zfbench import scoring
from zfbench.records.limits import Limits
from zfbench.records.result import BENCHMARK_VERSION
from zfbench.runs.judge import judge_baseline

GOLDEN = Path(__file__).with_name("golden.json")
METHODS = ("oracle", "last_value", "linear", "no_effect")
# Other processors round differently: errors of forecasts move in the last digits, ranks may swap near ties.
RELATIVE = {"forecast": 1e-4, "headline": 1e-3, "connectivity": 1e-3, "dynamics": 1e-3, "intervention": 1e-3}
ABSOLUTE = 1e-6
UNSTABLE = 1e4  # errors of a model that diverges under a clamp amplify rounding without end


def headline(metrics):
    """The scores without those of single groups and conditions."""
    return {n: v for n, v in metrics.items() if "/group/" not in n and "/condition/" not in n and abs(v) < UNSTABLE}


def differences(measured, golden):
    """Names of scores that are new, gone, or beyond the tolerance of their family."""
    return {
        name
        for name in measured.keys() | golden.keys()
        if name not in measured
        or name not in golden
        or measured[name] != pytest.approx(golden[name], rel=RELATIVE[name.split("/")[0]], abs=ABSOLUTE)
    }


@pytest.fixture(scope="module")
def measured(loaded_driven):
    limits = Limits(updates=1, seconds=300)
    return {name: headline(judge_baseline(name, loaded_driven, 0, limits).metrics) for name in METHODS}


@pytest.fixture(scope="module")
def golden(measured):
    if os.environ.get("ZFBENCH_WRITE_GOLDEN"):
        content = {
            "benchmark_version": BENCHMARK_VERSION,
            "metric_versions": scoring.VERSIONS,
            "scores": {m: {n: float(f"{v:.8g}") for n, v in s.items()} for m, s in measured.items()},
        }
        GOLDEN.write_text(json.dumps(content, indent=1) + "\n")
    return json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("method", METHODS)
def test_scores_change_only_with_the_benchmark_version(measured, golden, method):
    changed = differences(measured[method], golden["scores"][method])
    assert golden["benchmark_version"] == BENCHMARK_VERSION, "the version was raised: write golden.json anew"
    assert not changed, f"scores of {method} changed: raise BENCHMARK_VERSION, then write golden.json anew"


def test_a_metrics_version_rises_only_with_the_benchmark_version(golden):
    known = golden["metric_versions"]  # a family that is new changes no score
    assert {family: scoring.VERSIONS.get(family) for family in known} == known


def test_a_changed_new_or_lost_score_is_noticed():
    golden = {"forecast/id/mae": 0.1, "dynamics/impulse/error": 1.0}
    assert not differences({"forecast/id/mae": 0.100001, "dynamics/impulse/error": 1.0005}, golden)
    assert differences({"forecast/id/mae": 0.1001, "dynamics/impulse/error": 1.0}, golden) == {"forecast/id/mae"}
    assert differences({"forecast/id/mae": 0.1}, golden) == {"dynamics/impulse/error"}
    assert differences(golden | {"forecast/ood/mae": 1.0}, golden) == {"forecast/ood/mae"}


def test_the_oracle_is_at_the_ceiling_and_the_controls_at_the_floor(measured):
    """Bounds that follow from what the controls are, whatever the golden file says."""
    oracle, silent, last = measured["oracle"], measured["no_effect"], measured["last_value"]
    assert oracle["forecast/ood/mae"] < 1e-6
    assert oracle["connectivity/wiring/average_precision"] == 1.0
    assert oracle["dynamics/impulse/error"] < 1e-6
    assert oracle["intervention/error"] < 1e-6
    assert silent["connectivity/wiring/lift"] == pytest.approx(0, abs=1e-9)
    assert silent["dynamics/impulse/error"] == pytest.approx(1)
    assert silent["intervention/error"] == pytest.approx(1)
    assert last["forecast/id/skill_last_value"] == 0
