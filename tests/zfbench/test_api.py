"""The public interface: a few names, typed, and light until one of them is used."""

import functools
import importlib
import inspect
import re
import subprocess
import sys
from typing import get_type_hints

import numpy as np
import pandas as pd
import pytest
from given_models import Still
from typer.testing import CliRunner

import zfbench
from zfbench import api
from zfbench.base.errors import DamagedFileError, UnknownNameError, ZfbenchError
from zfbench.baselines.programs import source as program
from zfbench.cli.app import app
from zfbench.discoverers.best_of_n import BestOfN
from zfbench.protocols.proposer import Proposer
from zfbench.records.reading import add, load
from zfbench.records.result import Result
from zfbench.search.eventlog import read_log

NAMES = ("Result", "add_result", "judge", "load_recordings", "load_results", "load_task", "plot", "resume", "run")
TASK = "zfish-tiny/masked"


def test_the_public_names_are_these_and_the_version():
    assert sorted(zfbench.__all__) == sorted([*NAMES, "__version__"])
    assert dir(zfbench) == sorted(zfbench.__all__)
    assert zfbench.Result is Result
    for name in NAMES:
        assert inspect.getdoc(getattr(zfbench, name))


@pytest.mark.parametrize(
    "name", ["add_result", "judge", "load_recordings", "load_results", "load_task", "resume", "run"]
)
def test_every_function_says_the_type_of_each_argument_and_of_what_it_returns(name):
    function = getattr(zfbench, name)
    hints = get_type_hints(function)
    assert hints.keys() == {*inspect.signature(function).parameters, "return"}
    for parameter in list(inspect.signature(function).parameters)[1:]:
        assert f"{parameter}: " in inspect.getdoc(function)


def test_every_field_of_a_result_is_typed():
    assert Result.model_fields.keys() <= get_type_hints(Result, include_extras=True).keys()


def test_a_name_that_is_not_public_is_refused_with_those_that_are():
    with pytest.raises(AttributeError, match=r"no attribute 'score'; its public names are Result, .*run"):
        _ = zfbench.score


def test_importing_zfbench_imports_nothing_heavy():
    heavy = {"jax", "flax", "pandas", "torch", "matplotlib", "numpy", "scipy", "numba", "pydantic", "typer"}
    code = f"import sys, zfbench; dir(zfbench); print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_functions_are_there_without_any_deep_learning_library():
    code = (
        "import sys, zfbench\n"
        "zfbench.run, zfbench.judge, zfbench.load_results, zfbench.load_task, zfbench.load_recordings, zfbench.Result\n"
        "print(sorted({'torch', 'matplotlib', 'openai', 'ray'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_task_shows_what_a_method_may_see(data_cache):
    task = zfbench.load_task(TASK)
    assert task.spec.name == TASK
    assert "class Model" in task.seed_program
    with pytest.raises(UnknownNameError, match="did you mean 'zfish-tiny/masked'"):
        zfbench.load_task("zfish-tiny/maskd")


@pytest.fixture(scope="module")
def source(masked):
    return masked.seed_program


@pytest.fixture(scope="module")
def judged(source, data_cache):
    """The seed program, given as a text."""
    return zfbench.judge(source, TASK, seed=3, updates=20)


def test_a_program_is_judged_as_a_text_or_by_its_path_alike(judged, source, tmp_path, monkeypatch):
    path = tmp_path / "mine.py"
    path.write_text(source)
    assert (judged.status, judged.method.name, judged.method.kind) == ("ok", "program", "program")
    assert (judged.task.name, judged.seed, judged.limits["updates"]) == (TASK, 3, 20)
    assert judged.program.source == source
    again = zfbench.judge(path, TASK, seed=3, updates=20)
    assert (again.method.name, again.method.kind) == ("mine", "program")
    assert again.metrics == judged.metrics
    asked = []

    def judge(given, record, loaded, seed, limits, sandbox):
        asked.append((given, record.name, loaded.task.spec.name, seed, limits, sandbox.name, sandbox.device))
        return again

    monkeypatch.setattr(api, "judge_program", judge)
    for given in (path, str(path)):
        zfbench.judge(given, TASK, seed=3, updates=20)
    assert asked[0] == asked[1]
    assert asked[0][:4] == (source, "mine", TASK, 3)
    assert asked[0][4].updates == 20


def test_a_registered_method_is_judged_by_its_name(data_cache):
    result = zfbench.judge("last_value", TASK, updates=20)
    assert (result.status, result.method.name, result.method.kind) == ("ok", "last_value", "baseline")
    assert result.metrics["forecast/ood/skill_last_value"] == 0


@pytest.mark.parametrize(
    ("method", "sentence"),
    [("last_valeu", "did you mean 'last_value'"), ("absent.py", "Cannot read the program absent.py")],
)
def test_what_cannot_be_judged_is_refused_in_a_sentence(data_cache, method, sentence):
    with pytest.raises(ZfbenchError, match=sentence):
        zfbench.judge(method, TASK)


@pytest.fixture
def instant(monkeypatch):
    """Judgements that are refused or begin, and are never carried out."""
    for function in ("judge_program", "judge_model"):
        monkeypatch.setattr(api, function, lambda *a, **k: "judged")
    monkeypatch.setattr("zfbench.runs.judge.judge_program", lambda *a, **k: pytest.fail("it was judged"))


def test_the_name_of_a_registered_method_is_refused_for_a_method_of_ones_own(source, tmp_path, instant, data_cache):
    taken = r"There is a registered method '\w+', for whose results yours could be taken; pass another"
    edited = tmp_path / "masked_mlp.py"
    edited.write_text(source)
    for given, name in ((Still(), "masked_mlp"), (Still(), "linear"), (source, "linear"), (edited, None)):
        with pytest.raises(ZfbenchError, match=taken):
            zfbench.judge(given, TASK, name=name)
    error = CliRunner().invoke(app, ["judge", str(edited), "--task", TASK]).exception
    assert isinstance(error, ZfbenchError)
    assert str(error).startswith("There is a registered method 'masked_mlp'")
    edited.write_text(program("masked_mlp"))
    assert zfbench.judge(edited, TASK) == "judged"
    assert zfbench.judge(edited, "zfish-tiny/driven") == "judged"  # which that baseline does not suit
    for source, name in (("driven_mlp", "driven_mlp_mirrored"), ("ceiling", "ceiling")):  # no programs like any other
        with pytest.raises(ZfbenchError, match=taken):
            zfbench.judge(program(source), "zfish-tiny/driven", name=name)
    assert zfbench.judge(Still(), TASK) == "judged"
    with pytest.raises(ZfbenchError, match=taken):  # a control of that task
        zfbench.judge("x = 1\n", "sir-tiny", name="oracle")


def test_a_broken_program_is_a_result_with_its_status(data_cache):
    result = zfbench.judge("class Model(:\n", TASK, updates=20)
    assert result.status == "invalid"
    assert result.metrics == {}
    assert result.notes


def test_a_search_of_two_evaluations_is_judged_and_goes_on_in_its_folder(data_cache, tmp_path):
    options = {"budget": {"evaluations": 2, "updates": 20}, "seed": 1, "updates": 20, "folder": tmp_path / "run"}
    result = zfbench.run(TASK, **options)
    assert (result.status, result.method.name, result.method.proposer) == ("ok", "best_of_n", "grammar")
    assert result.search.budget == {"evaluations": 2, "updates": 20}
    assert (result.seed, result.spend.evaluations, len(result.evaluated)) == (1, 2, 2)
    assert load(tmp_path / "run" / "result.json").comparable() == result.comparable()
    assert zfbench.run(TASK, **options).comparable() == result.comparable()
    with pytest.raises(ZfbenchError):
        zfbench.run(TASK, **options | {"seed": 2})


def test_the_options_of_a_search_reach_its_plan(monkeypatch, tmp_path):
    plans = []
    monkeypatch.setattr("zfbench.api.search", lambda plan, folder, **_: (plans.append((plan, folder)), (None, None))[1])
    monkeypatch.chdir(tmp_path)
    given = {
        "settings": {"c": 2.0},
        "proposer_settings": {"model": "m"},
        "ideas": ["rebound"],
        "finalists": 1,
        "patience": 7,
        "seed": 4,
        "budget": {"evaluations": 9},
        "updates": 7,
        "seconds": 8.0,
    }
    assert zfbench.run(TASK, "puct", "llm", **given) is None
    ((plan, folder),) = plans
    assert (plan.task, plan.discoverer, plan.proposer, plan.seed) == (TASK, "puct", "llm", 4)
    assert (plan.settings, plan.proposer_settings) == ({"c": 2.0}, {"model": "m"})
    assert (plan.ideas, plan.finalists, plan.patience) == (("rebound",), 1, 7)
    assert plan.budget.to_json() == {"evaluations": 9}
    assert (plan.limits.updates, plan.limits.seconds) == (7, 8.0)
    assert str(folder) == "runs/zfish-tiny-masked__puct-llm__seed4"


def test_results_are_a_table_with_a_row_for_each(make, search_method, tmp_path):
    add(tmp_path, make())
    add(tmp_path, make(seed=1, status="timeout"))
    add(tmp_path, make(**search_method(), metrics={"forecast/ood/mae": 0.5}))
    table = zfbench.load_results(tmp_path)
    assert isinstance(table, pd.DataFrame)
    documented = ["task", "track", "tier", "circuit", "holdout", "method", "row", "kind", "proposer", "seed", "status"]
    documented.append("future_drive")
    assert list(table.columns[: len(documented)]) == documented
    assert set(table.columns) == {*documented, "budget_evaluations", "forecast/id/mae", "forecast/ood/mae"}
    rows = {(row["method"], row["seed"]): row for row in table.to_dict("records")}
    assert len(rows) == 3
    search, failed, baseline = rows["puct", 0], rows["mean", 1], rows["mean", 0]
    assert (search["proposer"], search["budget_evaluations"], search["forecast/ood/mae"]) == ("grammar", 8, 0.5)
    assert (failed["status"], np.isnan(failed["forecast/id/mae"])) == ("timeout", True)
    assert (search["row"], baseline["row"]) == ("puct + grammar", "mean")
    assert (baseline["forecast/id/mae"], np.isnan(baseline["budget_evaluations"])) == (0.25, True)


def test_searches_that_differ_in_a_setting_are_different_rows(make, search_method, tmp_path):
    for c, seed, mae in ((0.5, 0, 0.1), (0.5, 1, 0.3), (2.0, 0, 0.7)):
        given = search_method(settings={"c": c})
        add(tmp_path, make(**given, seed=seed, metrics={"forecast/ood/mae": mae}))
    means = zfbench.load_results(tmp_path).groupby("row")["forecast/ood/mae"].mean()
    assert means.to_dict() == {"puct + grammar (c=0.5)": pytest.approx(0.2), "puct + grammar (c=2.0)": 0.7}


def test_without_a_path_the_results_are_the_published_ones(make, tmp_path, monkeypatch):
    add(tmp_path, make("published"))
    monkeypatch.setattr("zfbench.leaderboard.shipped.RESULTS", tmp_path)
    assert list(zfbench.load_results()["method"]) == ["published"]
    monkeypatch.setattr("zfbench.leaderboard.shipped.RESULTS", tmp_path / "none")
    with pytest.raises(
        ZfbenchError, match=r"The published results are in the repository and .* install -e \.`, or name a folder"
    ):
        zfbench.load_results()


@pytest.mark.parametrize(
    ("task", "proposer"),
    [(TASK, "grammar"), ("zfish-table/masked", "table"), ("sir-tiny", "epidemics"), ("ring", "grammar")],
)
def test_a_search_has_the_proposer_that_its_task_needs(task, proposer, monkeypatch):
    plans = []
    monkeypatch.setattr("zfbench.api.search", lambda plan, folder, **_: (plans.append(plan), (None, None))[1])
    zfbench.run(task)
    assert plans[0].proposer == proposer
    zfbench.run(task, proposer="replay")
    assert plans[1].proposer == "replay"


class Mine(BestOfN):
    """A search method that no package registers."""


def test_a_search_of_a_class_of_ones_own_goes_on_in_python_and_the_shell_says_so(data_cache, tmp_path):
    folder = tmp_path / "run"

    def stop(program, evaluation, request):
        raise KeyboardInterrupt

    options = {"budget": {"evaluations": 3}, "finalists": 0, "folder": folder}
    with pytest.raises(KeyboardInterrupt):
        zfbench.run("zfish-table/masked", Mine, on_program=stop, **options)
    remedies = {
        "resume": f", or give its class to zfbench.resume('{folder}', discoverer=Mine) in Python.",
        "replay": "; a class that none registers can only continue its search, with zfbench.resume in Python.",
    }
    for command, remedy in (remedies | {"judge-run": remedies["replay"]}).items():
        error = CliRunner().invoke(app, [command, str(folder)]).exception
        assert isinstance(error, ZfbenchError)
        assert "'Mine' of the search in" in str(error)
        assert str(error).endswith(f"install the package that registers it (group zfbench.discoverers){remedy}")
    with pytest.raises(ZfbenchError, match="of the discoverer 'Mine', not of 'BestOfN'"):
        zfbench.resume(folder, BestOfN)
    result = zfbench.resume(folder, Mine)
    assert (result.method.name, len(result.evaluated)) == ("Mine", 3)


WRITER = """
from zfbench.discoverers.proposers.table.proposer import TableProposer

class Rates(TableProposer):
    def propose(self, request, context, rng):
        return super().propose(request, context, rng)
"""


def test_a_class_that_was_edited_does_not_get_its_old_result(data_cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    path = tmp_path / "script_of_mine.py"

    def run(text, **options):
        path.write_text(text)
        sys.modules.pop("script_of_mine", None)
        importlib.invalidate_caches()
        own = importlib.import_module("script_of_mine").Rates
        return zfbench.run("zfish-table/masked", proposer=own, budget={"evaluations": 3}, finalists=0, **options)

    edited = WRITER.replace("return", "rng.uniform()\n        return")
    first = run(WRITER)
    assert run(WRITER + "\n# the class is the same\n").comparable() == first.comparable()
    with pytest.raises(ZfbenchError, match=r"by a proposer whose source was different; .*folder \(`folder=`\)"):
        run(edited)
    assert len(run(edited, folder="another").evaluated) == 3
    without_hash(tmp_path / "runs" / "zfish-table-masked__best_of_n-Rates__seed0" / "log.jsonl")
    assert run(edited).comparable() == first.comparable()  # an older version wrote no hash


def without_hash(path):
    """Write an event log as zfbench did before its header held the hashes of classes."""
    events = read_log(path).events
    assert events[0].body.pop("code").keys() == {"proposer"}
    path.write_bytes(b"".join(event.line() for event in events))


class Rates(Proposer):
    """A proposer that no package registers, with a setting; no program of it is wanted here."""

    trusted = True

    def __init__(self, spec, model=None):
        self.model = model


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"proposer_settings": {"model": len}},
            "'model' of the proposer 'Rates' cannot stand in an event log",
        ),
        ({"settings": {"c": {1, 2}}}, "'c' of the discoverer 'Mine' cannot stand in an event log"),
        (
            {"settings": {"c": np.int64(1)}},
            "cannot stand in an event log (Object of type int64",
        ),
        ({"settings": {"c": float("inf")}}, "cannot stand in an event log (Out of range float"),
        ({"settings": {"c": {1: 2, "a": 3}}}, "cannot stand in an event log ('<' not supported"),
    ],
)
def test_settings_that_an_event_log_cannot_hold_are_refused_before_anything_is_written(
    given, sentence, data_cache, tmp_path
):
    with pytest.raises(ZfbenchError, match=re.escape(sentence)):
        zfbench.run("zfish-table/masked", Mine, Rates, folder=tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("part", ["identity", "surroundings"])
def test_what_identifies_a_proposer_must_fit_into_an_event_log(part, data_cache, tmp_path):
    Odd = type("Odd", (Rates,), {part: {"model": len}})
    with pytest.raises(ZfbenchError, match=f"'model' of the {part} of the proposer 'Odd' cannot stand in an event log"):
        zfbench.run("zfish-table/masked", Mine, Odd, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("wrapped", [functools.partial(Rates, model="m"), Mine.__new__(Mine)])
def test_a_method_that_is_no_class_is_refused_in_a_sentence(wrapped, tmp_path):
    made = f"not as an object of class {type(wrapped).__name__}; give the class itself, and its arguments as"
    with pytest.raises(ZfbenchError, match=f"A proposer is given .*{made} proposer_settings"):
        zfbench.run(TASK, Mine, wrapped, folder=tmp_path / "run")
    with pytest.raises(ZfbenchError, match=f"A discoverer is given .*{made} settings"):
        zfbench.run(TASK, wrapped, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_search_is_not_continued_with_an_object(data_cache, tmp_path):
    zfbench.run("zfish-table/masked", Mine, budget={"evaluations": 2}, finalists=0, folder=tmp_path / "run")
    with pytest.raises(ZfbenchError, match="A discoverer is given as a registered name or as a class"):
        zfbench.resume(tmp_path / "run", functools.partial(Mine))


def test_a_result_is_written_under_the_name_of_its_run_and_never_replaces_another(make, tmp_path):
    result = make("mine", seed=3)
    path = zfbench.add_result(result, tmp_path / "new")
    assert path == tmp_path / "new" / "zfish-tiny-driven__mine__seed3.json"
    assert load(path) == result
    with pytest.raises(ZfbenchError, match=r"zfish-tiny-driven__mine__seed3\.json"):
        zfbench.add_result(result, str(tmp_path / "new"))


def test_one_file_is_a_table_of_one_row_and_nothing_to_read_is_an_error(make, tmp_path):
    path = add(tmp_path / "r", make())
    assert len(zfbench.load_results(str(path))) == 1
    with pytest.raises(ZfbenchError, match="no results in"):
        zfbench.load_results(tmp_path / "none")
    (tmp_path / "r" / "torn.json").write_text("{")
    with pytest.raises(DamagedFileError, match="torn"):
        zfbench.load_results(tmp_path / "r")
