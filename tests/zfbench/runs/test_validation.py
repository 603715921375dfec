"""Results that cannot be: mutants of committed results, each of which has to be refused."""

import json
from functools import cache

import pytest

from zfbench.leaderboard.shipped import RESULTS
from zfbench.records.program import Program
from zfbench.records.reading import load_folder, result_files
from zfbench.records.result import NOTHING_FOUND
from zfbench.runs.validation import validate

FILES = {
    "program": "zfish-tiny-masked__masked_mlp__seed0.json",
    "black box": "zfish-tiny-driven__driven_mlp__seed1.json",
    "baseline": "zfish-tiny-driven__linear__seed0.json",
    "control": "zfish-tiny-driven__oracle__seed0.json",
    "edges": "zfish-tiny-masked__mask_only__seed0.json",
    "search": next(path.name for path in sorted(RESULTS.glob("zfish-tiny-masked__modelsmc*seed0.json"))),
}


@cache
def published():
    return load_folder(RESULTS)


@pytest.fixture
def faults(tmp_path, data_cache):
    """The faults of a mutant of a committed result."""

    def of(which, mutate):
        content = json.loads((RESULTS / FILES[which]).read_text())
        mutate(content)
        path = tmp_path / "mutant.json"
        path.write_text(json.dumps(content))
        outcome = validate([path], published())
        assert bool(outcome.faults) == (not outcome.valid)
        assert not outcome.unchecked
        return outcome.faults

    return of


def test_the_committed_results_have_no_fault(data_cache):
    outcome = validate(result_files(RESULTS))
    assert outcome.faults == ()
    assert len(outcome.valid) == len(published())
    assert outcome.unchecked == ()


def put(path, value):
    """Set one field, given by its keys, or what a function makes of it."""

    def mutate(content):
        place = content
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value(place[path[-1]]) if callable(value) else value

    return mutate


def score(name, value):
    return put(("metrics", name), value)


def every(*mutations):
    def mutate(content):
        for mutation in mutations:
            mutation(content)

    return mutate


def scaled(factor, *names):
    return every(*(score(name, lambda x: x * factor) for name in names))


OOD = "forecast/ood/mae"
OUTWARD = f"{OOD}/condition/outward"

SCORES = {
    "lift 7": score("connectivity/wiring/in_mask/lift", 7.0),
    "lift above its precision": score("connectivity/wiring/in_mask/lift", 0.9),
    "precision above 1": score("connectivity/wiring/in_mask/average_precision", 1.2),
    "precision": score("connectivity/wiring/in_mask/average_precision", 0.99),
    "auroc below 0": score("connectivity/wiring/in_mask/auroc", -0.1),
    "signs above 1": score("connectivity/wiring/sign_accuracy", 1.01),
    "rank correlation": score("intervention/rank_correlation", 1.5),
    "weights": score("connectivity/wiring/weight_spearman", -1.2),
    "excitable": score("connectivity/excitable", 2.0),
    "skill 1.7": score("forecast/ood/skill_last_value", 1.7),
    "skill of the mean": score("forecast/ood/skill_mean", 0.99),
    "a little more skill": score("forecast/ood/skill_last_value", lambda x: x + 1e-3),
    "error below 0": score(OOD, -0.1),
    "group error below 0": score(f"{OOD}/group/S", -0.1),
    "impulse error below 0": score("dynamics/impulse/error", -0.2),
    "latency below 0": score("dynamics/impulse/latency_error", -1.0),
    "intervention error below 0": score("intervention/clamp/error", -0.5),
    "eigenvalues": score("connectivity/eigenvalue_distance", -0.5),
    "error halved": scaled(0.5, OOD),
    "error and condition halved": scaled(0.5, OOD, OUTWARD),
    "error, condition and skill": every(scaled(0.5, OOD, OUTWARD), score("forecast/ood/skill_last_value", 0.72)),
    "one group better": score(f"{OOD}/group/PT", lambda x: x / 2),
    "one condition better": score("forecast/id/mae/condition/left", lambda x: x / 2),
    "all errors zero": lambda content: content["metrics"].update(dict.fromkeys(content["metrics"], 0.0)),
    "curve": put(("curves", OOD), lambda curve: [x / 2 for x in curve]),
    "curve below 0": put(("curves", OOD), lambda curve: [-x for x in curve]),
    "skill's curve": put(("curves", "forecast/ood/skill_last_value"), lambda curve: [2.0 for _ in curve]),
    "no metrics": put(("metrics",), {}),
    "family without version": put(("metric_versions",), {"forecast": 1}),
    "headline mean alone": every(score("headline/mean", 0.9), put(("metric_versions", "headline"), 1)),
    "headline mean": every(
        *(score(f"headline/{name}", 0.2) for name in ("generalisation", "wiring", "responses")),
        score("headline/mean", 0.9),
        put(("metric_versions", "headline"), 1),
    ),
    "headline above 1": every(score("headline/wiring", 1.4), put(("metric_versions", "headline"), 1)),
}
NAMES = {
    "empty": "",
    "blank": "  ",
    "trailing space": "masked_mlp ",
    "newline": "masked\nmlp",
    "control character": "masked\x1b[31mmlp",
    "a megabyte": "m" * 2**20,
    "oracle": "oracle",
    "ceiling as another kind": None,
}
TASKS = {
    "track": put(("task", "track"), "driven"),
    "tier": put(("task", "tier"), "standard"),
    "circuit": put(("task", "circuit"), "redrawn:1"),
    "holdout": put(("task", "holdout"), "inward"),
    "another name": put(("task", "name"), "zfish-tiny/driven"),
    "unknown name": put(("task", "name"), "zfish-tiny/maskd"),
    "unknown family": put(("task", "name"), "mouse/driven"),
    "unknown data": put(("task", "data_sha256"), "ab" * 32),
    "no hash": put(("task", "data_sha256"), "ab"),
    "empty track": put(("task", "track"), ""),
}
EFFORTS = {
    "empty limits": put(("limits",), {}),
    "no updates": put(("limits", "updates"), None),
    "zero updates": put(("limits", "updates"), 0.0),
    "far above the limit": put(("spend", "updates"), 200_000),
    "one above the limit": put(("spend", "updates"), 2_001),
    "trained longer": put(("program", "training", "updates"), 50_000),
    "negative seed": put(("seed",), -1),
    "version of the future": put(("benchmark_version",), 99),
    "no program": put(("program",), None),
    "another source": put(("program", "source"), "x = 1\n"),
    "failed with scores": put(("status",), "timeout"),
    "searched": put(("method", "proposer"), "grammar"),
}
SEARCHES = {
    "no program": put(("program",), None),
    "no options": put(("search",), None),
    "no proposer": put(("method", "proposer"), None),
    "no budget": put(("search", "budget"), {}),
    "above its budget": put(("spend", "evaluations"), 41),
    "more updates than trainings": put(("spend", "updates"), 10**6),
    "called a baseline": put(("method", "kind"), "baseline"),
    "program of another search": every(
        put(("program", "source"), "x = 1\n"), put(("program", "id"), Program("x = 1\n").id)
    ),
    "not the best finalist": put(("finals", 0, "full_loss"), 1e-6),
    "a parent to come": put(("evaluated", "parents", 3), [30]),
    "worked without loss": put(("evaluated", "loss", 0), None),
    "spend that shrinks": put(("evaluated", "evaluations", 5), 1),
    "nothing found with scores": put(("status",), NOTHING_FOUND),
}


@pytest.mark.parametrize("which", ["program", "black box"])
@pytest.mark.parametrize("name", SCORES)
def test_scores_that_cannot_be_are_refused(faults, which, name):
    assert faults(which, SCORES[name])


@pytest.mark.parametrize("which", ["program", "baseline", "search"])
@pytest.mark.parametrize("name", NAMES)
def test_names_that_nobody_has_are_refused(faults, which, name):
    if name == "ceiling as another kind":
        mutation = every(put(("method", "name"), "ceiling"), put(("method", "kind"), "baseline"))
    else:
        mutation = put(("method", "name"), NAMES[name])
    assert faults(which, mutation)


@pytest.mark.parametrize("which", ["program", "edges"])
@pytest.mark.parametrize("name", TASKS)
def test_a_task_that_is_not_the_named_one_is_refused(faults, which, name):
    assert faults(which, TASKS[name])


@pytest.mark.parametrize("name", EFFORTS)
def test_limits_and_spends_that_no_run_has_are_refused(faults, name):
    assert faults("program", EFFORTS[name])


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_that_cannot_be_is_refused(faults, name):
    assert faults("search", SEARCHES[name])


@pytest.mark.parametrize("name", ["lift 7", "skill of the mean", "no metrics"])
def test_controls_are_checked_as_well(faults, name):
    assert faults("control", SCORES[name])


@pytest.mark.parametrize("which", FILES)
def test_what_was_not_changed_is_valid(faults, which):
    assert faults(which, lambda _: None) == ()


def test_a_fault_names_file_field_and_how_to_fix_it(faults):
    (fault,) = faults("program", SCORES["skill of the mean"])
    assert "mutant.json: metrics.forecast/ood/skill_mean: with its MAE it implies" in fault
    assert "how to fix it" in fault


def test_without_references_the_results_are_compared_with_each_other(tmp_path, data_cache):
    for i in range(3):
        content = json.loads((RESULTS / f"zfish-tiny-driven__driven_mlp__seed{i}.json").read_text())
        if i == 1:
            content["metrics"]["forecast/id/skill_last_value"] += 0.01
        (tmp_path / f"{i}.json").write_text(json.dumps(content))
    (fault,) = validate(result_files(tmp_path)).faults
    assert "1.json" in fault
