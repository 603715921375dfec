"""The command that measures what a claim misses, read by the command line itself."""

import shlex
from contextlib import nullcontext
from pathlib import Path

import pytest
from typer.testing import CliRunner

import zfbench.api
from zfbench.base import plugins
from zfbench.base.errors import ZfbenchError
from zfbench.cli.app import app
from zfbench.leaderboard.claims import Claim, Side, read_claims
from zfbench.leaderboard.commands import command, describe, own_command
from zfbench.leaderboard.shipped import CLAIMS
from zfbench.leaderboard.verdicts import Missing, check
from zfbench.records.reading import load_folder, run_name
from zfbench.records.result import MethodRecord, SearchOptions
from zfbench.runs.grid import Grid, Report
from zfbench.search.budget import Budget
from zfbench.search.finals import default_finalists
from zfbench.search.loop import PATIENCE

TASK = "zfish-tiny/driven"
MINE = Path("mine")
SUITE = """
results = "out"
limits = {updates = 10, seconds = 60}
[[block]]
tasks = ["zfish-tiny/driven"]
methods = ["new", "newer"]
seeds = [0, 1, 2, 3]
[[block]]
tasks = ["zfish-tiny/driven"]
methods = ["fixed"]
seeds = [0]
[[block]]
tasks = ["zfish-tiny/driven"]
methods = ["puct"]
proposer = "grammar"
budget = {evaluations = 40}
settings = {c = 2.0}
seeds = [0, 1]
"""


@pytest.fixture
def suites(tmp_path):
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "s.toml").write_text(SUITE)
    return tmp_path / "suites"


@pytest.fixture
def measured(monkeypatch):
    """The names and folders of the runs that a shell command would measure, in order; none is."""
    names, folders = [], []

    def search(plan, folder, **_):
        names.append(plan.name)
        folders.append(folder)
        return None, None

    def run(self, jobs, *_):
        names.extend(job.stem for job in jobs)
        folders.append(self.folder)
        return Report()

    monkeypatch.setattr("zfbench.runs.search.search", search)
    monkeypatch.setattr(Grid, "run", run)
    monkeypatch.setattr("zfbench.cli.searches.report_search", lambda *_: None)
    for module in ("searches", "suites"):
        monkeypatch.setattr(f"zfbench.cli.{module}.choose_sandbox", lambda *_: nullcontext())

    def execute(line):
        for words in commands_of(line):
            assert words[0] == "zfbench"
            done = CliRunner().invoke(app, words[1:])
            assert done.exit_code == 0, done.output + str(done.exception)
        return names, folders

    return execute


def commands_of(line):
    """The words of each command of a line, a loop over seeds unrolled as a shell does."""
    if not line.startswith("for seed in "):
        return [shlex.split(line)]
    head, body = line.removesuffix("; done").split("; do ", 1)
    return [shlex.split(body.replace("$seed", seed)) for seed in head.removeprefix("for seed in ").split()]


def side(**changes):
    return Side.model_validate({"method": "puct", "proposer": "grammar", "task": TASK} | changes)


def missed_name(wanted, seed):
    """The name of the run that a side misses: what it names, and the command line's defaults for the rest."""
    budget = Budget.of(wanted.budget or {"evaluations": 20})
    method = MethodRecord(
        name=wanted.method,
        kind="search",
        proposer=wanted.proposer,
        settings=wanted.settings or {},
        proposer_settings=wanted.proposer_settings or {},
    )
    options = SearchOptions(
        budget=budget.to_json(),
        finalists=default_finalists(budget) if wanted.finalists is None else wanted.finalists,
        patience=wanted.patience or PATIENCE,
        ideas=wanted.ideas or (),
    )
    return run_name(wanted.task, method, options, seed)


EVALUATIONS = {"budget": {"evaluations": 40}}
STRANGE = {"patience": 3, "budget": "small", "ideas": ["x"], "finalists": 0}


@pytest.mark.parametrize(
    "asked",
    [
        {},
        EVALUATIONS,
        {"budget": {"tokens": 2_000_001.0, "device_seconds": 12345.5, "updates": 400}},
        EVALUATIONS | {"settings": {"c": 3.0, "weights": "mse"}},
        EVALUATIONS | {"settings": {"flag": True, "nothing": None, "list": [1, "a"], "table": {"a b": "c'd"}}},
        EVALUATIONS | {"settings": {"text": "true", "digits": "12", "empty": "", "quoted": '"a"', "nan": "NaN"}},
        EVALUATIONS | {"settings": {"equation": "a=b c; d $e"}},
        EVALUATIONS | {"proposer_settings": {"in_turn": 100, "model": "m"}},
        EVALUATIONS | {"settings": {"model": "a"}, "proposer_settings": {"model": "b"}},
        EVALUATIONS | {"settings": STRANGE, "proposer_settings": dict(reversed(STRANGE.items()))},
        EVALUATIONS | {"settings": STRANGE, "patience": 2000, "finalists": 2, "ideas": ["rebound; fatigue", "it's"]},
        EVALUATIONS | {"finalists": 0},
        EVALUATIONS | {"patience": 2000},
        EVALUATIONS | {"ideas": ["x"]},
        EVALUATIONS | {"finalists": 0, "patience": 2000, "ideas": ["x", "y"]},
    ],
    ids=str,
)
def test_a_search_is_planned_as_the_claim_misses_it(tmp_path, monkeypatch, measured, asked):
    monkeypatch.chdir(tmp_path)
    wanted = side(**asked)
    names, folders = measured(command(Missing(wanted, (0, 3)), suites=tmp_path))
    assert names == [missed_name(wanted, seed) for seed in (0, 3)]
    assert len(set(folders)) == 2


def test_searches_of_two_sides_never_meet_in_one_folder(tmp_path, measured):
    sides = (EVALUATIONS, {"budget": {"evaluations": 9}}, EVALUATIONS | {"settings": {"weights": "mse"}})
    for asked in sides:
        names, folders = measured(command(Missing(side(**asked), (0, 1)), suites=tmp_path))
    assert len(set(folders)) == len(names) == 6
    assert [folder.name for folder in folders] == names


@pytest.mark.parametrize(
    ("wanted", "seeds", "expected"),
    [
        (
            side(method="new", proposer=None),
            (1, 3),
            "zfbench suite run {} --task zfish-tiny/driven --method new --seed 1 --seed 3 --out mine",
        ),
        (side(method="new", proposer=None), (4,), ""),
        (side(method="new", proposer=None, task="zfish/driven"), (1,), ""),
        (
            side(method="fixed", proposer=None),
            (0, 1, 2),
            "zfbench suite run {} --task zfish-tiny/driven --method fixed --out mine",
        ),
        (side(method="fixed", proposer=None), (1, 2), ""),
        (side(**EVALUATIONS), (0, 1), "zfbench suite run {} --task zfish-tiny/driven --method puct --out mine"),
        (side(settings={"c": 2.0}), (0, 1), "zfbench suite run {} --task zfish-tiny/driven --method puct --out mine"),
        (
            side(settings={"c": 2.0}, finalists=3, patience=100, ideas=[]),
            (1,),
            "zfbench suite run {} --task zfish-tiny/driven --method puct --seed 1 --out mine",
        ),
    ],
)
def test_a_suite_that_plans_the_runs_measures_them(suites, wanted, seeds, expected):
    assert command(Missing(wanted, seeds), MINE, suites) == expected.format(suites / "s.toml")


def test_one_run_of_a_method_without_chance_is_measured_whatever_seeds_a_claim_leaves_out(suites):
    fixed = side(method="fixed", proposer=None)
    expected = f"zfbench suite run {suites / 's.toml'} --task zfish-tiny/driven --method fixed --out mine"
    assert command(Missing(fixed, (5, 6), untried=True), MINE, suites) == expected
    assert command(Missing(fixed, (5, 6)), MINE, suites) == ""


@pytest.mark.parametrize("asked", [{"settings": {"c": 3.0}}, {"patience": 7}, {"finalists": 0}, {"ideas": ["x"]}])
def test_a_suite_whose_search_has_other_settings_or_options_does_not(suites, asked):
    assert command(Missing(side(**EVALUATIONS, **asked), (0, 1)), MINE, suites).startswith(
        "for seed in 0 1; do zfbench run"
    )


def test_the_suites_command_measures_what_is_missed_and_nothing_else(suites, measured):
    names, _ = measured(command(Missing(side(method="new", proposer=None), (1, 3)), MINE, suites))
    assert names == [f"zfish-tiny-driven__new__seed{seed}" for seed in (1, 3)]
    names.clear()
    wanted = side(**EVALUATIONS, settings={"c": 2.0})
    measured(command(Missing(wanted, (1,)), MINE, suites))
    assert names == [missed_name(wanted, 1)]


def missing_runs():
    """Every run that a shipped claim misses without results."""
    for answer in (check(c, []) for c in read_claims(CLAIMS)):
        for finding in answer.findings:
            assert finding.missing
            yield from ((answer.claim, missing) for missing in finding.missing)


def test_a_suite_that_plans_one_seed_of_a_method_with_chance_does_not_stand_for_the_others(suites):
    (suites / "a.toml").write_text(
        SUITE.split("[[block]]")[0]
        + """
[[block]]
tasks = ["zfish-tiny/driven"]
methods = ["new"]
seeds = [0]
"""
    )
    wanted = side(method="new", proposer=None)
    assert command(Missing(wanted, (0, 1, 2, 3)), MINE, suites).startswith(f"zfbench suite run {suites / 's.toml'} ")
    assert command(Missing(wanted, (0, 1, 2, 3, 4)), MINE, suites) == ""


def test_a_suite_of_the_published_results_goes_before_another_with_the_same_runs():
    """The demo has runs of the tiny suite, which it measures for itself."""
    for method in ("oracle", "masked_mlp"):
        wanted = side(method=method, proposer=None, task="zfish-tiny/masked")
        assert command(Missing(wanted, (0,))).startswith("zfbench suite run tiny ")


def test_a_shipped_suite_is_named_and_not_spelled_out_as_a_path():
    wanted = side(method="masked_mlp", proposer=None, task="zfish-tiny/masked")
    assert command(Missing(wanted, (0, 1, 2, 3, 4))).startswith("zfbench suite run tiny --task zfish-tiny/masked")


def test_every_run_that_a_shipped_claim_misses_has_a_command_that_measures_it(measured, tmp_path, monkeypatch):
    known = []
    for claim, missing in missing_runs():
        line = own_command(claim) or command(missing)
        if line in known:
            continue
        known.append(line)
        names, _ = measured(line)
        prefix = f"{missing.side.task}__{missing.side.method}__".replace("/", "-").replace("@", "-").replace(":", "-")
        seeds = {int(name.rpartition("__seed")[2]) for name in names if name.startswith(prefix)}
        without_chance = missing.side.proposer is None and seeds == {0}
        assert without_chance or len(seeds) >= len(missing.seeds), line
        names.clear()
    assert known


def claim(command=""):
    test = {"left": side(), "right": 0.5, "metric": "forecast/ood/mae", "relation": "lower", "effect": 0}
    return Claim(id="c", source="s", text="t", tests=(test,), command=command)


def test_a_program_that_nobody_registers_is_judged_in_the_folder_of_results():
    lines = describe([Missing(side(method="absent", proposer=None), (0, 1))], claim(), MINE)
    assert lines == [
        f"missing: absent on {TASK}, seeds 0, 1",
        "  no shipped suite has these runs, and no baseline of that name is registered; a program is put into "
        f"mine/absent.py, and judged by: for seed in 0 1; do zfbench judge mine/absent.py --task {TASK} --seed $seed; "
        "done",
    ]


def test_a_claims_own_command_goes_before_all_others_and_gets_the_folder():
    (_, how) = describe([Missing(side(), (0,))], claim("make it in RESULTS"), Path("a b"))
    assert how == "  make it in 'a b'"


@pytest.mark.parametrize(
    "wanted",
    [
        side(method="masked_mlp", proposer=None, task="zfish-tiny/masked"),  # of a suite of the published results
        side(method="nlinear-c4", proposer=None, task="zfish-tiny/driven"),  # of a suite with a folder of its own
        side(),
        side(**EVALUATIONS, settings={"c": 3.0}),
    ],
    ids=Side.describe,
)
@pytest.mark.parametrize("place", ["my-results", "my results", "elsewhere/$results"])
def test_a_command_writes_where_the_claim_is_checked(tmp_path, monkeypatch, measured, make, place, wanted):
    monkeypatch.chdir(tmp_path)
    path = Path(place) / "known.json"
    make().write(path)
    for results in (Path(place), path):
        names, folders = measured(command(Missing(wanted, (0, 1)), results))
        assert names
        for folder in folders:
            result = make("new", seed=1)
            result.write(folder / "result.json")  # as a run and a suite write them
            assert any(known.method.name == "new" for known in load_folder(Path(place)))
            (folder / "result.json").unlink()
            assert folder.resolve().is_relative_to((tmp_path / place).resolve())


def test_no_folder_is_named_where_the_suite_itself_names_the_one_that_is_checked(suites):
    wanted = Missing(side(method="new", proposer=None), (0, 1, 2, 3))
    assert command(wanted, suites / "out", suites).endswith("--method new")
    assert command(wanted, suites / "other", suites).endswith(f"--method new --out {suites / 'other'}")


def test_a_registered_baseline_of_no_suite_is_judged_where_the_claim_is_checked(tmp_path, suites, monkeypatch, make):
    place = tmp_path / "it's mine"
    line = command(Missing(side(method="driven_gru", proposer=None), (1, 4)), place, suites)
    words = shlex.split(line)
    assert words[:2] == ["python", "-c"]
    monkeypatch.setattr(zfbench.api, "judge", lambda method, task, seed: make(method, seed=seed))
    exec(words[2], {})
    assert {(r.method.name, r.task.name, r.seed) for r in load_folder(place)} == {
        ("driven_gru", TASK, 1),
        ("driven_gru", TASK, 4),
    }


def test_a_baseline_that_cannot_be_loaded_is_judged_with_every_seed(tmp_path, suites, monkeypatch):
    def broken(kind, name):
        raise ZfbenchError("its package cannot be imported")

    monkeypatch.setattr(plugins, "load", broken)
    assert command(Missing(side(method="mean", proposer=None), (1, 4)), tmp_path, suites).endswith("in [1, 4]]'")


def test_one_run_is_enough_of_a_baseline_that_draws_nothing(tmp_path, suites):
    assert command(Missing(side(method="mean", proposer=None), (1, 4)), tmp_path, suites).endswith("for seed in [1]]'")


def test_a_side_is_described_with_all_that_it_asks_for():
    said = side(settings={"patience": 3}, proposer_settings={"model": "m"}, patience=5).describe()
    assert said == f"puct + grammar (patience=3, model=m, patience=5) on {TASK}"
