"""The arms of a study: which searches are paired, what their differences are, and what the tables say."""

import math

import pytest

from zfbench.leaderboard.analyses.arms import arms, as_markdown
from zfbench.records.program import Program
from zfbench.records.result import ProgramRecord


@pytest.fixture
def arm(make, search_method):
    """Make a search of an arm whose errors and scores are stated."""

    def run(track, family, seed, error, held_out, score, name="puct", **changes):
        own = search_method(name, **changes.pop("method", {}))
        own["method"] = own["method"].model_copy(update={"proposer_identity": {"family": family}})
        winner = Program("x = 1")
        metrics = {"forecast/id/mae": error, "forecast/ood/mae": held_out}
        metrics |= {f"headline/{part}": score for part in ("generalisation", "wiring", "responses", "mean")}
        metrics["connectivity/cross/in_mask/lift"] = score
        record = ProgramRecord(id=winner.id, source=winner.source, validation_loss=0.3)
        return make(**own, track=track, program=record, metrics=metrics, seed=seed, **changes)

    return run


@pytest.fixture
def study(arm):
    """Black boxes err twice as much as the rate family, and that three times as much without the wiring."""
    found = []
    for seed, noise in enumerate((1.0, 1.1, 0.95)):
        found += [
            arm("driven", "blackbox", seed, 0.06 * noise, 0.6 * noise**2, 0.2 * noise),
            arm("driven", "rate", seed, 0.03 * noise, 0.1 * noise, 0.5 * noise),
            arm("masked", "rate", seed, 0.01 * noise, 0.02 * noise, 0.7 * noise),
        ]
    return found


def test_arms_are_paired_where_one_thing_differs(study):
    (found,) = arms(study)
    assert found.method == "puct"
    assert list(found.runs) == [("driven", "blackbox"), ("driven", "rate"), ("masked", "rate")]
    assert {(pair.one, pair.other) for pair in found.pairs} == {
        ("driven, blackbox", "driven, rate"),
        ("driven, rate", "masked, rate"),
    }
    assert {pair.gap.n for pair in found.pairs} == {3}
    by = {(pair.one, pair.measure): pair.gap for pair in found.pairs}
    assert math.exp(by["driven, blackbox", "error on trained stimuli"].estimate) == pytest.approx(2)
    assert math.exp(by["driven, rate", "error on the held-out stimulus"].estimate) == pytest.approx(5)
    assert math.exp(by["driven, rate", "held out over trained"].estimate) == pytest.approx(5 / 3)
    scores = {"wiring", "mean", "lift of allowed pairs"}
    assert scores & {measure for arm, measure in by if arm == "driven, blackbox"} == {"wiring", "mean"}
    assert scores & {measure for arm, measure in by if arm == "driven, rate"} == {"lift of allowed pairs"}
    assert by["driven, blackbox", "mean"].estimate == pytest.approx(-0.3 * (1 + 1.1 + 0.95) / 3)


def test_versions_of_a_proposer_are_not_paired(study):
    def versioned(run, version):
        return run.model_copy(update={"method": run.method.model_copy(update={"proposer_version": version})})

    assert len(arms([versioned(run, 2) for run in study])) == 1
    assert arms([versioned(run, 1 + (run.method.proposer_identity["family"] == "rate")) for run in study])[
        0
    ].runs.keys() == {
        ("driven", "rate"),
        ("masked", "rate"),
    }


def test_versions_of_the_benchmark_and_of_its_scores_are_not_paired(study):
    for change in ({"benchmark_version": 1}, {"metric_versions": {"headline": 0}}):
        old = [run.model_copy(update=change) if run.task.track == "driven" else run for run in study]
        (found,) = arms(old)
        assert {track for track, _ in found.runs} == {"driven"}


def test_other_budgets_methods_failures_and_single_seeds_are_not_paired(study, arm):
    assert arms(study[:3]) == []  # one seed
    assert arms([run for run in study if run.task.track == "masked"]) == []  # one arm
    other = [arm("masked", "rate", seed, 0.01, 0.02, 0.7, method={"budget": {"evaluations": 9}}) for seed in (0, 1)]
    walks = [arm("driven", "blackbox", seed, 0.01, 0.02, 0.7, name="random_walk") for seed in (0, 1)]
    failed = [arm("driven", "blackbox", seed, 0.01, 0.02, 0.7, status="error") for seed in (0, 1)]
    rates = [run for run in study if (run.task.track, run.method.proposer_identity["family"]) == ("driven", "rate")]
    settings = [arm("masked", "rate", seed, 0.01, 0.02, 0.7, method={"settings": {"c": 2.0}}) for seed in (0, 1)]
    equal = [arm("masked", "rate", seed, 0.01, 0.02, 0.7) for seed in (0, 1)]
    longer = [run.model_copy(update={"limits": {**run.limits, "updates": 9}}) for run in equal]
    data = [run.model_copy(update={"task": run.task.model_copy(update={"data_sha256": "b" * 64})}) for run in equal]
    assert arms([*rates, *other, *walks, *failed, *settings, *longer, *data]) == []
    (found,) = arms([*rates, *equal])  # two common seeds are enough
    assert {pair.gap.n for pair in found.pairs} == {2}


def test_the_tables_say_ratios_of_errors_and_differences_of_scores(study):
    text = as_markdown(arms(study))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    row = next(row for row in rows if row[:3] == ["error on trained stimuli", "driven, blackbox", "driven, rate"])
    assert row[3] == "x 2.00"
    assert row[5] == "3"
    row = next(row for row in rows if row[:3] == ["wiring", "driven, blackbox", "driven, rate"])
    assert row[3].startswith("-0.3")
    assert "puct" in text
    assert as_markdown([]).startswith("No search was run on two tracks")
