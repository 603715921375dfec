"""Results that cannot be: mutants of committed results, each of which has to be refused."""

import json
from functools import cache

import pytest

from zfbench.leaderboard.shipped import RESULTS
from zfbench.records.program import Program
from zfbench.records.reading import load, load_folder, result_files
from zfbench.records.result import NOTHING_FOUND
from zfbench.runs.validation import validate
from zfbench.scoring.source import CANARY_NOTE
from zfbench.testbed.published import CANARY

FILES = {
    "program": "zfish-tiny-masked__masked_mlp__seed0.json",
    "black box": "zfish-tiny-driven__driven_mlp__seed1.json",
    "baseline": "zfish-tiny-driven__linear__seed0.json",
    "control": "zfish-tiny-driven__oracle__seed0.json",
    "edges": "zfish-tiny-masked__mask_only__seed0.json",
    "trained": "zfish-tiny-autonomous__nlinear-c256__seed1.json",
    "search": next(path.name for path in sorted(RESULTS.glob("zfish-tiny-masked__modelsmc*seed0.json"))),
}


@cache
def published():
    return load_folder(RESULTS)


@pytest.fixture
def faults(tmp_path, data_cache):
    """The faults of a mutant of a committed result."""

    def of(which, mutate):
        content = load(RESULTS / FILES[which]).model_dump(mode="json")
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


def beaten(content):
    """Give another finalist than the judged program the lowest loss."""
    other = next(final for final in content["finals"] if final["program"] != content["program"]["id"])
    other["full_loss"] = 1e-6


def lift(content, prevalence):
    return (content["metrics"][f"{CROSS}average_precision"] - prevalence) / (1 - prevalence)


def remean(content):
    """Make the mean of the headline scores what it has to be."""
    parts = [content["metrics"][f"headline/{name}"] for name in ("generalisation", "wiring", "responses")]
    content["metrics"]["headline/mean"] = sum(parts) / 3


OOD = "forecast/ood/mae"
CROSS = "connectivity/cross/"
SKILLS = "forecast/ood/skill_last_value/group/"
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
    "wiring alone": every(score("headline/wiring", 0.95), remean),
    "wiring and its readings": every(
        *(score(f"connectivity/reading/{name}", 0.95) for name in ("median", "common", "free")),
        score("headline/wiring", 0.95),
        remean,
    ),
    "wiring without its parts": every(
        lambda content: [content["metrics"].pop(n) for n in list(content["metrics"]) if n.startswith(CROSS)],
        score("headline/wiring", 0.95),
        remean,
    ),
    "prevalence": every(
        score(f"{CROSS}prevalence", 0.5),
        lambda content: content["metrics"].update({f"{CROSS}lift": lift(content, 0.5)}),
    ),
    "responses alone": every(score("headline/responses", 0.9), remean),
    "responses and their errors": every(
        score("dynamics/impulse/cross/error", 0.1),
        score("intervention/cross/error", 0.1),
        score("headline/responses", 0.9),
        remean,
    ),
    "generalisation alone": every(score("headline/generalisation", 0.9), remean),
    "generalisation and its groups": every(
        lambda content: content["metrics"].update({n: 0.9 for n in content["metrics"] if n.startswith(SKILLS)}),
        score("forecast/ood/balanced_skill", 0.9),
        score("headline/generalisation", 0.9),
        remean,
    ),
    "standard error": score("headline/mean_se", 1e-9),
    "validation loss": score("forecast/validation/balanced_error", 1e-3),
    "share of the tables": score("source/table_share", lambda x: x + 0.1),
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
    "fewer updates than its training": put(("spend", "updates"), 10),
    "best after the last update": put(("program", "training", "best_update"), 10**6),
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
    "not the best finalist": beaten,
    "a parent to come": put(("evaluated", "parents", 3), [30]),
    "worked without loss": put(("evaluated", "loss", 0), None),
    "spend that shrinks": put(("evaluated", "evaluations", 5), 1),
    "fewer evaluations than programs": put(("evaluated", "evaluations"), lambda spent: [1 for _ in spent]),
    "finals that cost nothing": put(("spend", "evaluations"), 37),
    "less time than its programs took": put(("spend", "device_seconds"), 0.01),
    "more finals than finalists": put(("finals",), lambda finals: finals * 2),
    "a final that was not evaluated": put(("finals", 1, "program"), "ab" * 32),
    "a final with another loss": put(("finals", 1, "screened_loss"), lambda loss: loss * 0.9),
    "finals without the best program": put(("finals",), lambda finals: finals[1:]),
    "another validation loss": put(("program", "validation_loss"), 1e-3),
    "a winner that was no finalist's equal": put(("evaluated", "loss"), lambda losses: [losses[0], 1e-4, *losses[2:]]),
    "nothing found with scores": put(("status",), NOTHING_FOUND),
}


def overspent(unit):
    """Give the search a budget of a thousand in this unit, and a spend of one more."""
    return every(put(("search", "budget", unit), 1_000), put(("spend", unit), 1_001))


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


@pytest.mark.parametrize("unit", ["evaluations", "tokens", "money"])
def test_a_search_that_spent_more_than_its_budget_is_refused(faults, unit):
    sentence = f"spend.{unit}: 1001 is above the budget of 1000"
    assert any(sentence in fault for fault in faults("search", overspent(unit)))


@pytest.mark.parametrize("prefix", ["dynamics/impulse/cross", "intervention/cross"])
def test_an_upper_quantile_below_its_median_is_refused(faults, prefix):
    (fault,) = faults("program", score(f"{prefix}/error_upper", 0.0))
    assert f"metrics.{prefix}/error_upper: the .9 quantile 0.0 is below the median" in fault


def test_a_control_that_was_trained_beyond_its_limit_is_refused(faults):
    def fault_of(updates):
        return faults("control", every(put(("limits", "updates"), 4.0), put(("spend", "updates"), updates)))

    assert any("spend.updates: 5 updates are above the limit of 4" in fault for fault in fault_of(5))
    assert not any("spend.updates" in fault for fault in fault_of(4))


def test_another_program_under_the_name_of_a_published_one_is_refused(faults):
    def edit(content):
        program = content["program"]
        program["source"] += "# edited\n"
        program["id"] = Program(program["source"]).id

    (fault,) = (fault for fault in faults("program", edit) if "two methods under the name 'masked_mlp'" in fault)
    assert fault.startswith("the published results and ")


def test_a_trained_baseline_that_diverged_with_two_seeds_is_no_copy(tmp_path, data_cache):
    worst = dict.fromkeys(("headline/generalisation", "headline/responses"), 0.0)
    paths = [tmp_path / f"{seed}.json" for seed in (0, 1)]
    for seed, path in enumerate(paths):
        content = load(RESULTS / FILES["baseline"]).model_dump(mode="json")
        every(put(("metrics",), dict(worst)), put(("seed",), seed), put(("spend", "updates"), 3))(content)
        put(("spend", "device_seconds"), 1.0 + seed)(content)
        path.write_text(json.dumps(content))
    assert not [fault for fault in validate(paths).faults if "another run has the same scores" in fault]


def test_a_program_that_holds_the_canary_without_a_note_of_it_is_refused(faults):
    def copy_the_tables(content):
        program = content["program"]
        program["source"] += f"# {CANARY}\n"
        program["id"] = Program(program["source"]).id

    assert any(CANARY_NOTE in fault for fault in faults("program", copy_the_tables))
    noted = every(copy_the_tables, put(("notes",), lambda notes: [*notes, CANARY_NOTE]))
    assert not any(CANARY_NOTE in fault for fault in faults("program", noted))


@pytest.mark.parametrize("name", ["lift 7", "skill of the mean", "no metrics"])
def test_controls_are_checked_as_well(faults, name):
    assert faults("control", SCORES[name])


@pytest.mark.parametrize("which", FILES)
def test_what_was_not_changed_is_valid(faults, which):
    assert faults(which, lambda _: None) == ()


def halve(content):
    """Halve every error, and leave the skills as they were: the file alone contradicts nothing but the data."""
    metrics = content["metrics"]
    for name in list(metrics):
        if name.startswith(("forecast/id/mae", "forecast/ood/mae")):
            metrics[name] /= 2
    for name in ("forecast/id/mae", "forecast/ood/mae"):
        content["curves"][name] = [error / 2 for error in content["curves"][name]]


def test_errors_are_compared_with_the_data_where_no_other_result_is_at_hand(tmp_path, data_cache):
    content = load(RESULTS / FILES["black box"]).model_dump(mode="json")
    path = tmp_path / "alone.json"
    path.write_text(json.dumps(content))
    assert validate([path]).faults == ()
    halve(content)
    path.write_text(json.dumps(content))
    assert "is not that of its error on these data" in validate([path]).faults[0]


COPIES = {
    "another seed": put(("seed",), 77),
    "another name": put(("method", "name"), "my_method"),
    "another seed and other seconds": every(put(("seed",), 77), put(("spend", "device_seconds"), lambda s: s + 1)),
}


@pytest.mark.parametrize("which", ["black box", "trained", "search"])
@pytest.mark.parametrize("name", COPIES)
def test_a_copy_of_another_run_is_refused(faults, which, name):
    (fault,) = faults(which, COPIES[name])
    assert "another run has the same scores" in fault


def test_a_fault_names_file_field_and_how_to_fix_it(faults):
    (fault,) = faults("program", SCORES["skill of the mean"])
    assert "mutant.json: metrics.forecast/ood/skill_mean: 0.99 is not that of its error on these data" in fault
    assert "how to fix it" in fault


def test_without_references_the_results_are_compared_with_each_other(tmp_path, data_cache):
    for i in range(3):
        content = load(RESULTS / f"zfish-tiny-driven__driven_mlp__seed{i}.json").model_dump(mode="json")
        if i == 1:
            content["metrics"]["forecast/id/skill_last_value"] += 0.01
        (tmp_path / f"{i}.json").write_text(json.dumps(content))
    (fault,) = validate(result_files(tmp_path)).faults
    assert "1.json" in fault
