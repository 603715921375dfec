"""Searches side by side: who is compared with whom, over which seeds, and what the tables and the picture say."""

import json
import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from typer.testing import CliRunner

from zfbench.cli.app import app
from zfbench.leaderboard.analyses.searches import AREA, LOSS, MEAN, comparisons, depth, improving, order_agreement
from zfbench.leaderboard.analyses.searches_report import as_markdown, draw, read_races
from zfbench.leaderboard.table_files import file_of
from zfbench.records.program import Program
from zfbench.records.result import Evaluated, ProgramRecord
from zfbench.records.spend import Spend
from zfbench.scoring import VERSIONS
from zfbench.tasks.zfish_table.family import EVALUATED_ON

TASK = "zfish-tiny/driven"
LOSSES = (1.0, 0.5, None, 0.4, 0.45)  # of the evaluations; the third failed


def program(number):
    return Program(f"x = {number}")


def evaluated(losses=LOSSES, factor=1.0):
    """Programs 1, 2, ...: the second and third come from the first, each later one from the one before."""
    return tuple(
        Evaluated(
            program=program(number).id[:12],
            operator="mutate" if number > 1 else "seed",
            parents=() if number == 1 else (1,) if number < 4 else (number - 1,),
            status="error" if loss is None else "ok",
            loss=None if loss is None else factor * loss,
            spend=Spend(evaluations=number),
        )
        for number, loss in enumerate(losses, 1)
    )


@pytest.fixture
def search(make, search_method):
    def run(name="puct", seed=0, factor=1.0, judged=4, **changes):
        own = search_method(name, **changes.pop("method", {}))
        winner = program(judged)
        record = ProgramRecord(id=winner.id, source=winner.source, validation_loss=0.3 * factor)
        scores = {f"headline/{part}": 0.5 / factor for part in ("generalisation", "wiring", "responses", "mean")}
        fields = {"evaluated": evaluated(factor=factor), "program": record, "metrics": scores, "seed": seed}
        return make(**own, **(fields | changes))

    return run


@pytest.fixture
def three(search):
    """Three methods with four seeds each: `puct` always has half the loss of `best_of_n`, `n1` that of `puct`."""
    noise = {0: 1.0, 1: 1.1, 2: 0.95, 3: 1.02}
    found = [search("puct", seed, 0.5 * noise[seed]) for seed in noise]
    found += [search("best_of_n", seed, noise[seed]) for seed in noise]
    return [*found, *(search("n1", seed, 0.5 * noise[seed] * (1.01 if seed % 2 else 0.99)) for seed in noise)]


def test_searches_of_one_task_proposer_and_budget_are_compared_in_pairs_over_common_seeds(search, make):
    results = [
        *(search("puct", seed) for seed in (0, 1, 2)),
        *(search("best_of_n", seed) for seed in (1, 2, 3)),
        search("puct", 1, method={"budget": {"evaluations": 9}}),  # without a rival at its budget
        search("random_walk", 1, method={"proposer": "llm"}),
        search("modelsmc", 1, status="error", metrics={}),
        make("driven_mlp", kind="program"),
    ]
    (found,) = comparisons(results)
    assert list(found.runs) == ["best_of_n", "puct"]
    assert [run.seed for run in found.runs["best_of_n"]] == [1, 2, 3]
    assert {pair.gap.n for pair in found.pairs} == {2}
    assert found.budget == {"evaluations": 8}


def test_versions_of_a_proposer_are_not_compared(search):
    found = [search("puct", s, method={"proposer_version": 2}) for s in (0, 1)]
    found += [search("best_of_n", s, method={"proposer_version": 1}) for s in (0, 1)]
    assert comparisons(found) == []
    found += [search("n1", s, method={"proposer_version": 2}) for s in (0, 1)]
    (both,) = comparisons(found)
    assert list(both.runs) == ["n1", "puct"]
    assert both.proposer == "grammar (version=2)"


def test_other_data_limits_and_versions_are_not_compared(search):
    found = [search("puct", 0), search("puct", 1)]
    rival = [search("best_of_n", seed) for seed in (0, 1)]
    data = [run.model_copy(update={"task": run.task.model_copy(update={"data_sha256": "b" * 64})}) for run in rival]
    longer = [run.model_copy(update={"limits": {**run.limits, "updates": 9}}) for run in rival]
    older = [run.model_copy(update={"benchmark_version": 1}) for run in rival]
    scores = [run.model_copy(update={"metric_versions": {"headline": 0}}) for run in rival]
    assert [comparisons([*found, *other]) for other in (data, longer, older, scores)] == [[]] * 4
    assert len(comparisons([*found, *(run.model_copy(update={"metric_versions": {}}) for run in rival)])) == 1
    assert len(comparisons([*found, *rival])) == 1


def test_a_measure_that_a_run_lacks_is_not_averaged_over_the_others(search):
    (found,) = comparisons([search("puct", 0), search("puct", 1, metrics={}), search("best_of_n", 0)])
    assert found.by_seed("puct", MEAN) == {}
    assert len(found.by_seed("puct", LOSS)) == 2


def test_methods_without_two_common_seeds_are_shown_and_not_tested(search):
    (found,) = comparisons([search("puct", 0), search("best_of_n", 1), search("best_of_n", 0)])
    assert found.pairs == []
    text = as_markdown([found])
    assert "| `puct`      | 1 " in text
    assert "pairs differ" not in text


def test_the_loss_of_judged_programs_is_related_to_their_scores(three):
    (found,) = comparisons(three)
    text = as_markdown([found])
    said = "Of all 12 judged programs the rank correlation of the loss after the finals is -1.00 [-1.00, -1.00] with"
    assert f"{said} generalisation, -1.00" in text
    assert "with their mean (95 % interval" in text
    (few,) = comparisons(three[:6])
    assert "judged programs" not in as_markdown([few])


def test_settings_tell_methods_apart(search):
    results = [search("puct", 0), search("puct", 0, method={"settings": {"c": 2.0}})]
    (found,) = comparisons(results)
    assert list(found.runs) == ["puct", "puct (c=2.0)"]


def test_a_pair_is_tested_over_paired_seeds_and_losses_by_their_ratio(three):
    (found,) = comparisons(three)
    pairs = {(p.one, p.other, p.measure): p for p in found.pairs}
    assert len(pairs) == 9
    for measure in (LOSS, AREA):
        clear = pairs["best_of_n", "puct", measure]
        assert clear.gap.estimate == pytest.approx(math.log(2))
        assert clear.significant
        close = pairs["n1", "puct", measure]
        assert abs(close.gap.estimate) < 0.01
        assert not close.significant
        assert 0 < close.detectable < 0.1
    assert pairs["best_of_n", "puct", MEAN].gap.estimate < 0


def test_the_lowest_loss_so_far_counts_failures_as_no_progress(three):
    (found,) = comparisons(three)
    assert found.best("best_of_n")[0] == pytest.approx([1.0, 0.5, 0.5, 0.4, 0.4])


def test_changes_to_the_judged_program_and_evaluations_that_improve(search):
    assert [depth(search(judged=number)) for number in (1, 2, 4, 5)] == [0, 1, 2, 3]
    assert depth(search(judged=9)) is None
    crossed = (*evaluated()[:3], evaluated()[3].model_copy(update={"parents": (1, 3)}))
    assert depth(search(judged=4, evaluated=crossed)) == 2  # by the parent that the proposal was made from
    assert improving(search()) == pytest.approx(2 / 4)
    assert improving(search(evaluated=evaluated((1.0,)))) == 0.0


def test_the_order_here_is_compared_with_that_on_a_table(three):
    (found,) = comparisons(three)
    same = order_agreement(found, {"puct": 0.2, "n1": 0.1, "best_of_n": 0.3})
    assert same is not None
    tau, here, there = same
    assert there == ["n1", "puct", "best_of_n"]
    assert here[-1] == "best_of_n"
    assert tau > 0
    opposite = order_agreement(found, {name: float(k) for k, name in enumerate(reversed(here))})
    assert opposite is not None
    assert opposite[0] == pytest.approx(-1)
    assert order_agreement(found, {"puct": 0.2, "n1": 0.1}) is None


def test_the_tables_name_methods_pairs_and_the_smallest_difference(three):
    text = as_markdown(comparisons(three), {TASK: {8: {"puct": 0.2, "n1": 0.1, "best_of_n": 0.3}}})
    assert "### zfish-tiny/driven, grammar: 8 evaluations" in text
    assert "over the seeds that both have, 4 of them" in text
    assert "2 of 3 pairs differ" in text
    table = " ".join(text.split())
    assert "| `best_of_n` | `puct` | **x 2.00 (" in table
    assert table.count("**x ") == 4  # two of three pairs by two losses
    assert "| `n1` | `puct` | x 1.00 (" in table  # a pair that does not differ has its interval too
    assert "a ratio of" in text
    assert "Kendall's tau" in text
    assert as_markdown([]).startswith("No two searches")
    assert "Kendall" not in as_markdown(comparisons(three), {TASK: {50: {"puct": 0.2, "n1": 0.1, "best_of_n": 0.3}}})
    assert "Kendall" not in as_markdown(comparisons(three), {"sir": {8: {"puct": 0.2, "n1": 0.1, "best_of_n": 0.3}}})


def test_the_picture_has_a_line_with_a_name_for_each_method(three):
    (found,) = comparisons(three)
    root = ET.fromstring(draw(found))
    text = " ".join(node.text or "" for node in root.iter() if node.tag.endswith("text"))
    lines = [node.get("points") for node in root.iter() if node.tag.endswith("polyline")]
    assert len(lines) == 3
    assert all(name in text for name in found.runs)
    heights = [float(point.split(",")[1]) for point in lines[0].split()]
    assert len(heights) == len(LOSSES) - 1  # the seed program, which all have, is left out
    assert heights == sorted(heights)  # a lower loss is further down
    assert np.isfinite(heights).all()


def test_races_are_read_by_task_and_number_of_evaluations(tmp_path):
    race = {
        "task": "zfish-table/masked",
        "table_sha256": "0",
        "budgets": [50],
        "methods": {"puct": {"budgets": {"50": {"area": {"mean": 0.25}}}}},
    }
    assert read_races(tmp_path) == {}
    for k, task in enumerate(EVALUATED_ON):
        race["task"], race["methods"]["puct"]["budgets"]["50"]["area"]["mean"] = task, 0.25 + k
        (tmp_path / file_of(task, "race")).write_text(json.dumps(race))
    assert read_races(tmp_path) == {task: {50: {"puct": 0.25 + k}} for k, task in enumerate(EVALUATED_ON.values())}


def test_the_command_prints_the_tables_and_draws(three, tmp_path):
    for run in three:
        versions = run.metric_versions | {"headline": VERSIONS["headline"]}
        run.model_copy(update={"metric_versions": versions}).write(
            tmp_path / "results" / f"{run.method.name}-{run.seed}.json"
        )
    target = tmp_path / "anytime.svg"
    shown = CliRunner().invoke(app, ["searches", str(tmp_path / "results"), "--picture", str(target)])
    assert shown.exit_code == 0, shown.output
    assert "2 of 3 pairs differ" in shown.output
    assert target.read_text().startswith("<svg")
