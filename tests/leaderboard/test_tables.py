import csv
import io
import json
import re
import shutil
import subprocess

import pytest

from zfbench.cli.boards import RESULTS
from zfbench.leaderboard.board import boards, select
from zfbench.leaderboard.columns import columns_of
from zfbench.leaderboard.statistics import Interval, t_interval
from zfbench.leaderboard.tables import FORMATS, as_latex, as_text, show
from zfbench.records.reading import load_folder
from zfbench.records.result import TaskRecord


def rows(results):
    """Cells of the only board's text table."""
    (board,) = boards(results)
    lines = as_text([board]).splitlines()[4 : 4 + len(board.rows)]
    return {cells[1]: cells for cells in (re.split(r"\s{2,}", line.strip()) for line in lines)}


def searched(make, evaluations, **changes):
    method = MethodRecord(
        name="puct", kind="search", proposer="grammar", settings={"budget": {"evaluations": evaluations}}
    )
    return make(method=method, **changes)


def test_what_is_missing_is_a_dash_and_what_is_zero_is_zero(make):
    row = rows([make(metrics={"forecast/id/mae": 0.0})])["mean"]
    assert row[:6] == ["driven", "mean", "baseline", "no", "1", "0.0000"]
    assert row[6:] == ["-"] * (len(columns_of([make()])) - 1)


def test_seeds_become_a_mean_with_students_interval(make):
    values = [0.20, 0.22, 0.27]
    results = [make(seed=i, metrics={"forecast/id/mae": v}) for i, v in enumerate(values)]
    half = t_interval(values).half_width
    assert rows(results)["mean"][4:6] == ["3", f"0.23 ± {half:.2f}"]


def test_one_failed_seed_makes_the_mean_missing_and_is_told(make):
    results = [make(seed=0), make(seed=1, status="timeout", metrics={})]
    row = rows(results)["mean (timeout)"]
    assert row[4:6] == ["1/2", "-"]


@pytest.mark.parametrize(
    "change",
    [
        {"data": "cd" * 32},
        {"benchmark_version": 99},
        {"limits": {"updates": 9, "seconds": 300}},
        {"limits": {"updates": 2000, "seconds": 9}},
    ],
)
def test_other_data_version_or_limits_get_a_table_of_their_own(make, change):
    found = boards([make(), make("other", **change)])
    assert [[row.method for row in board.rows] for board in found] in ([["mean"], ["other"]], [["other"], ["mean"]])
    assert found[0].header.describe() != found[1].header.describe()


def test_searches_of_different_budgets_never_meet_but_baselines_stand_beside_both(make):
    found = boards([make(), searched(make, 8), searched(make, 800)])
    assert [[row.method for row in board.rows] for board in found] == [["mean", "puct + grammar"]] * 2
    assert {board.header.budget for board in found} == {'{"evaluations":8}', '{"evaluations":800}'}


def test_controls_stand_on_every_board_of_their_data(make):
    oracle = make("oracle", kind="control")
    found = boards([oracle, make(), make("longer", limits={"updates": 9000, "seconds": 300})])
    assert [[row.method for row in board.rows] for board in found] == [["oracle", "mean"], ["oracle", "longer"]]


def test_a_filter_never_hides_the_controls(make):
    results = [make("oracle", kind="control"), make(), make("other", track="masked")]
    assert [r.method.name for r in select(results, track="masked")] == ["other", "oracle"]
    both = [*results, make("oracle", kind="control", track="masked")]
    chosen = select(both, task="zfish-tiny/masked")
    assert [(r.method.name, r.task.track) for r in chosen] == [("other", "masked"), ("oracle", "masked")]


def test_the_header_says_what_was_measured(make):
    (board,) = boards([searched(make, 8)])
    for part in ("abab", "published", "tiny", "outward", "2000 updates, 300 s", "budget: 8 evaluations", "version 1"):
        assert part in board.header.describe()


def test_methods_that_differ_in_settings_are_different_rows(make):
    plain, tuned = (
        make(method=MethodRecord(name="puct", kind="search", proposer="grammar", settings=settings))
        for settings in ({}, {"exploration": 2.0})
    )
    (board,) = boards([plain, tuned])
    assert {row.method for row in board.rows} == {"puct + grammar", "puct + grammar (exploration=2.0)"}


def test_long_settings_tell_methods_apart_by_a_hash(make):
    one, other = (
        make(
            method=MethodRecord(name="puct", kind="search", proposer="llm", settings={"proposer": {"prompts": c * 64}})
        )
        for c in "ab"
    )
    (board,) = boards([one, other])
    names = {row.method for row in board.rows}
    assert len(names) == 2
    assert all(re.fullmatch(r"puct \+ llm \(proposer [0-9a-f]{6}\)", name) for name in names)


@pytest.mark.parametrize(
    ("mean", "half", "shown"),
    [
        (0.02184, 0.00052, "0.0218 ± 0.0005"),
        (0.02184, 0.00012, "0.02184 ± 0.00012"),
        (1.234, 0.3, "1.2 ± 0.3"),
        (123.4, 26.0, "123 ± 26"),
        (0.5, 0.0, "0.5000 ± 0"),
        (-0.00001, float("inf"), "0.0000"),
        (0.5, float("inf"), "0.5000"),
        (1.26e14, 1.0, "1e+14"),
        (-30_000.4, float("inf"), "-30000.4000"),
        (-0.04, 0.0996, "-0.04 ± 0.10"),
    ],
)
def test_numbers_are_rounded_to_their_uncertainty(mean, half, shown):
    assert show(Interval(mean, mean - half, mean + half, 5), 4) == shown


@pytest.mark.parametrize(
    ("name", "kind", "track", "shown"),
    [
        ("linear", "baseline", "driven", "yes"),
        ("tide-c4", "baseline", "driven", "no"),
        ("tide_driven-c4", "baseline", "masked", "yes"),
        ("linear", "baseline", "autonomous", "no"),
        ("oracle", "control", "driven", "yes"),
        ("oracle", "control", "autonomous", "no"),  # it is told the mean drive
        ("no_effect", "control", "driven", "no"),
        ("mask_only", "control", "masked", "-"),
        ("somebody's", "baseline", "driven", "-"),
        ("mean", "program", "driven", "yes"),  # a program by the name of a baseline
        ("mine", "program", "masked", "yes"),
        ("mine", "program", "autonomous", "no"),
        ("puct", "search", "masked", "yes"),
        ("puct", "search", "autonomous", "no"),
    ],
)
def test_every_row_says_whether_it_knows_the_future_drive(make, name, kind, track, shown):
    found = boards([make(name, kind=kind, track=track)])
    heading, _, row = as_text(found).splitlines()[2:5]
    assert re.split(r"\s{2,}", heading.strip())[3] == "future drive"
    assert re.split(r"\s{2,}", row.strip())[3] == shown
    said = {"yes": True, "no": False, "-": None}[shown]
    assert json.loads(FORMATS["json"](found))[0]["rows"][0]["future_drive"] is said
    assert "compare rows that agree in it" in as_text(found)


def test_a_board_of_tasks_without_drive_has_no_column_for_it(make):
    task = TaskRecord(name="sir", track="simulator", tier="tiny", data_sha256="cd" * 32)
    found = boards([make(task=task, metrics={"likelihood/log_marginal": 1.0})])
    assert "uture drive" not in as_text(found)


def test_the_oracle_comes_first_then_the_smallest_held_out_error(make):
    results = [
        make("worse", metrics={"forecast/ood/mae": 0.3}),
        make("silent", metrics={"forecast/id/mae": 0.1}),
        make("better", metrics={"forecast/ood/mae": 0.2}),
        make("oracle", kind="control", metrics={"forecast/ood/mae": 0.25}),
    ]
    assert list(rows(results)) == ["oracle", "better", "worse", "silent"]


def test_adding_a_result_changes_no_other_methods_numbers(make):
    def numbers(results):
        return {
            (row["method"], name): score
            for board in json.loads(FORMATS["json"](boards(results)))
            for row in board["rows"]
            for name, score in row["scores"].items()
        }

    old = [make(seed=i, metrics={"forecast/ood/mae": 0.2 + i / 100}) for i in range(12)]
    new = [make("new", seed=i, metrics={"forecast/ood/mae": 1e3, "forecast/id/mae": 1e-9}) for i in range(12)]
    before, after = numbers(old), numbers([*new, *old])
    assert before.items() <= after.items()
    assert len(after) > len(before)


def test_adding_a_method_changes_no_other_line_of_the_csv(make):
    """But for new columns, if it brings scores that nobody had."""
    old = [make(seed=i, metrics={"forecast/ood/mae": 0.2 + i / 100}) for i in range(12)]
    new = [make("new", seed=i, metrics={"forecast/ood/mae": 1e3, "dynamics/impulse/error": 1.0}) for i in range(3)]
    (before,) = csv.DictReader(io.StringIO(FORMATS["csv"](boards(old))))
    after = {r["method"]: r for r in csv.DictReader(io.StringIO(FORMATS["csv"](boards([*new, *old]))))}
    assert before.items() <= after["mean"].items()
    assert after["mean"]["dynamics/impulse/error"] == ""


def test_a_board_shows_the_columns_of_which_it_has_a_score(make):
    (board,) = boards([make(), make("other", metrics={"dynamics/impulse/error": 1.0, "dynamics/rest": 2.0})])
    families = {column.family for column in board.columns}
    assert families == {"forecast", "dynamics", "seconds"}
    (strange,) = boards([make(metrics={"taste/salt": 1.0})])
    assert [c.heading for c in strange.columns] == ["taste salt", "time s"]


def test_csv_and_json_hold_the_unrounded_numbers_and_the_header(make):
    values = [0.201, 0.2234, 0.27]
    other = make("other", metrics={"forecast/ood/mae": 0.5})
    timings = {"fit": 1.0, "judge": 0.5}
    runs = [make(seed=i, metrics={"forecast/id/mae": v}, timings=timings) for i, v in enumerate(values)]
    found = boards([other, *runs])
    record = {r["method"]: r for r in csv.DictReader(io.StringIO(FORMATS["csv"](found)))}["mean"]
    assert float(record["forecast/id/mae"]) == pytest.approx(sum(values) / 3, abs=1e-12)
    assert record["data_sha256"] == "ab" * 32
    assert (float(record["limit:seconds"]), float(record["seconds"])) == (300, 1.5)
    assert record["forecast/ood/mae"] == ""
    (board,) = json.loads(FORMATS["json"](found))
    (row,) = (r for r in board["rows"] if r["method"] == "mean")
    assert row["scores"]["forecast/id/mae"]["low"] == pytest.approx(t_interval(values).low)
    assert "forecast/ood/mae" not in row["scores"]


@pytest.fixture
def latex(make):
    results = [make("last_value", seed=i, metrics={"forecast/id/mae": 0.1 + i / 50}) for i in range(3)]
    return as_latex(boards([*results, searched(make, 8)]))


def test_latex_is_escaped_and_balanced(latex):
    assert r"last\_value" in latex
    assert r"$\pm$" in latex
    assert latex.isascii()
    assert not re.search(r"(?<!\\)[_#&](?=\w)", latex.replace(" & ", ""))
    for environment in ("table*", "tabular"):
        assert latex.count(rf"\begin{{{environment}}}") == latex.count(rf"\end{{{environment}}}") == 1
    bare = re.sub(r"\\[{}]", "", latex)
    assert bare.count("{") == bare.count("}")


@pytest.fixture
def committed():
    return as_latex(boards(load_folder(RESULTS)))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("source", ["latex", "committed", "odd"])
def test_latex_compiles(source, request, make, tmp_path):
    if source == "odd":
        names = {"tier": "a&b", "circuit": "50%_#{x}", "holdout": "", "track": "", "name": "odd/task"}
        odd = make("a_b & c#%", task=TaskRecord(**names, data_sha256="cd" * 32), metrics={"taste/salt_level": 1.0})
        tables = as_latex(boards([odd]))
    else:
        tables = request.getfixturevalue(source)
    document = (
        "\\documentclass{article}\\usepackage{booktabs,graphicx}\\begin{document}\n" + tables + "\n\\end{document}"
    )
    (tmp_path / "t.tex").write_text(document)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
