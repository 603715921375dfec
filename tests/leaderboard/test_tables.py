import csv
import io
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from zfbench.leaderboard.board import boards, select
from zfbench.leaderboard.columns import columns_of
from zfbench.leaderboard.exports import as_csv, as_json
from zfbench.leaderboard.shipped import RESULTS
from zfbench.leaderboard.statistics import Interval, mean_interval
from zfbench.leaderboard.tables import as_latex, as_text, heading, show, written
from zfbench.records.reading import load_folder
from zfbench.records.result import TaskRecord
from zfbench.scoring import VERSIONS
from zfbench.scoring.source import CANARY_NOTE, SUSPICIOUS

NEXT = VERSIONS["forecast"] + 1  # a version of the forecast scores that does not exist yet


def cells_of(results, every=True):
    """Headings and cells of the only table of the only board, as text."""
    (board,) = boards(results)
    (table,) = board.tables
    lines = as_text([board], every).split(f"{heading(table)}\n\n")[1].splitlines()[: 2 + len(board.rows)]
    split = [re.split(r"\s{2,}", line.strip()) for line in (lines[0], *lines[2:])]
    return split[0], split[1:]


def rows(results):
    """All cells of the only table, by the method."""
    headings, lines = cells_of(results)
    return {cells[headings.index("method")]: cells for cells in lines}


@pytest.fixture
def searched(make, search_method):
    def run(evaluations, **changes):
        return make(**search_method(budget={"evaluations": evaluations}), **changes)

    return run


def test_what_is_missing_is_a_dash_and_what_is_zero_is_zero(make):
    row = rows([make(metrics={"forecast/id/mae": 0.0})])["mean"]
    assert row[:5] == ["mean", "baseline", "no", "1", "0.0000"]
    assert row[5:] == ["-"] * (len(columns_of([make()])) - 1)


def test_seeds_become_a_mean_with_students_interval(make):
    values = [0.20, 0.22, 0.27]
    results = [make(seed=i, metrics={"forecast/id/mae": v}) for i, v in enumerate(values)]
    half = mean_interval(values).half_width
    assert rows(results)["mean"][3:5] == ["3", f"0.230 ± {half:.2f}"]


def test_one_failed_seed_makes_the_mean_missing_and_is_told(make):
    results = [make(seed=0), make(seed=1, status="timeout")]
    row = rows(results)["mean (timeout)"]
    assert row[3:5] == ["1/2", "-"]


@pytest.mark.parametrize(
    "change",
    [
        {"data": "cd" * 32},
        {"benchmark_version": 99},
        {"limits": {"updates": 9, "seconds": 300}},
        {"limits": {"updates": 2000, "seconds": 9}},
        {"metric_versions": {"forecast": NEXT}},
    ],
)
def test_other_data_version_or_limits_get_a_table_of_their_own(make, change):
    found = boards([make(), make("other", **change)])
    assert [[row.method for row in board.rows] for board in found] in ([["mean"], ["other"]], [["other"], ["mean"]])
    assert found[0].header.describe() != found[1].header.describe()


def table_of(results):
    """The rows of each board: method and the seeds that are averaged."""
    return [{row.method: [run.seed for run in row.runs] for row in board.rows} for board in boards(results)]


def test_results_under_several_versions_of_a_metric_never_share_a_row(make):
    old = [make(seed=seed) for seed in (0, 1)]
    new = [make(seed=seed, metric_versions=VERSIONS | {"forecast": NEXT}) for seed in (0, 1, 2)]
    assert table_of([*old, *new]) == [{"mean": [0, 1]}, {"mean": [0, 1, 2]}]
    first, second = (board.header.describe() for board in boards([*old, *new]))
    assert f"metrics: forecast version {NEXT - 1}" in first
    assert f"metrics: forecast version {NEXT}" in second
    assert "dynamics" not in first + second  # of which there is one version


def test_what_has_no_score_of_a_disputed_metric_stands_beside_all_that_have(make, searched):
    """A control without forecasts, and a seed that failed: both are part of either board."""
    wiring = make("mask_only", kind="control", metric_versions={"connectivity": VERSIONS["connectivity"]})
    failed = make(seed=1, status="timeout")
    old, new = make(), make(metric_versions={"forecast": NEXT})
    assert table_of([wiring, failed, old, new]) == [{"mask_only": [0], "mean": [0, 1]}] * 2


def test_controls_under_another_version_stand_on_the_board_of_their_own_version(make):
    old, new = ("oracle", 1), ("no_effect", 2)
    controls = [make(name, kind="control", metric_versions={"forecast": version}) for name, version in (old, new)]
    others = [make(seed=version, metric_versions={"forecast": version}) for version in (1, 2)]
    assert table_of([*controls, *others]) == [{"oracle": [0], "mean": [1]}, {"no_effect": [0], "mean": [2]}]


def test_versions_are_disputed_on_one_data_set_alone(make):
    other = make("other", data="cd" * 32, metric_versions={"forecast": NEXT})
    assert not any(board.header.metric_versions for board in boards([make(), other]))


def test_searches_of_different_budgets_never_meet_but_baselines_stand_beside_both(make, searched):
    found = boards([make(), searched(8), searched(800)])
    assert [[row.method for row in board.rows] for board in found] == [["mean", "puct + grammar"]] * 2
    assert [json.loads(board.header.budget) for board in found] == [{"evaluations": 8}, {"evaluations": 800}]


def test_controls_stand_on_every_board_of_their_data(make):
    oracle = make("oracle", kind="control")
    found = boards([oracle, make(), make("longer", limits={"updates": 9000, "seconds": 300})])
    assert [[row.method for row in board.rows] for board in found] == [["mean", "oracle"], ["longer", "oracle"]]


def test_a_filter_shows_its_task_or_track_alone_with_its_controls(make):
    oracles = [make("oracle", kind="control", track=track) for track in ("driven", "masked")]
    results = [*oracles, make(), make("other", track="masked")]
    for chosen in (select(results, track="masked"), select(results, task="zfish-tiny/masked")):
        assert [(r.method.name, r.task.track) for r in chosen] == [("oracle", "masked"), ("other", "masked")]


def test_the_header_says_what_was_measured(searched):
    (board,) = boards([searched(8)])
    for part in (
        "abab",
        "published",
        "tiny",
        "outward",
        "2000 updates, 300 s",
        "budget: 8 evaluations",
        "benchmark version",
    ):
        assert part in board.header.describe()


@pytest.mark.parametrize(
    ("mean", "half", "shown"),
    [
        (0.02184, 0.00052, "0.0218 ± 0.0005"),
        (0.02184, 0.00012, "0.02184 ± 0.00012"),
        (1.234, 0.3, "1.23 ± 0.3"),
        (0.3218, 3.0, "0.322 ± 3"),
        (0.03218, 3.0, "0.0322 ± 3"),
        (0.003218, 3.0, "0.0032 ± 3"),
        (0.0, 3.0, "0 ± 3"),
        (123.4, 26.0, "123 ± 26"),
        (0.5, 0.0, "0.5000 ± 0"),
        (-0.00001, float("inf"), "0.0000"),
        (0.5, float("inf"), "0.5000"),
        (1.26e14, 1.0, "1e+14"),
        (-30_000.4, float("inf"), "-30000.4000"),
        (-0.04, 0.0996, "-0.0400 ± 0.10"),
    ],
)
def test_numbers_are_rounded_to_their_uncertainty(mean, half, shown):
    assert show(Interval(mean, mean - half, mean + half, 5), 4) == shown


@pytest.mark.parametrize(("given", "shown"), [(True, "yes"), (False, "no")])
def test_every_row_says_whether_it_knows_the_future_drive(make, given, shown):
    found = boards([make(drive=given)])
    headings, (row,) = cells_of([make(drive=given)])
    assert row[headings.index("future drive")] == shown
    assert json.loads(as_json(found))[0]["rows"][0]["future_drive"] is given
    assert "compare only rows with the same entry" in as_text(found, every=True)


def test_a_row_whose_task_has_no_drive_has_a_dash_beside_rows_that_have_one(make):
    shown = rows([make(drive=True), make("other", drive=None)])
    assert (shown["mean"][2], shown["other"][2]) == ("yes", "-")


def test_a_board_of_tasks_without_drive_has_no_column_for_it(make):
    task = TaskRecord(name="sir", track="simulator", tier="tiny", data_sha256="cd" * 32)
    found = boards([make(task=task, drive=None, metrics={"likelihood/log_marginal": 1.0})])
    assert "uture drive" not in as_text(found, every=True)


def test_methods_come_first_by_held_out_error_then_oracle_ceiling_and_controls(make):
    results = [
        make("no_effect", kind="control", metrics={"forecast/ood/mae": 0.2}),
        make("worse", metrics={"forecast/ood/mae": 0.3}),
        make("silent", metrics={"forecast/id/mae": 0.1}),
        make("ceiling", kind="program", metrics={"forecast/ood/mae": 0.1}),
        make("better", metrics={"forecast/ood/mae": 0.2}),
        make("oracle", kind="control", metrics={"forecast/ood/mae": 0.0}),
    ]
    assert list(rows(results)) == ["better", "worse", "silent", "oracle", "ceiling", "no_effect"]


HEADLINES = ("headline/generalisation", "headline/wiring", "headline/responses", "headline/mean")


@pytest.fixture
def second_version(make):
    """Results of benchmark version 2: two methods alike, one worse, one without responses, and the references."""

    def runs(name, scores, **changes):
        other = {"forecast/ood/mae": 0.05, "forecast/id/mae": 0.02, "connectivity/wiring/in_mask/lift": 0.5}
        changes = {"kind": "program", "benchmark_version": 2, "drive": True} | changes
        versions = {"metric_versions": dict.fromkeys(("headline", "forecast", "connectivity"), 1)}
        return [
            make(name, seed=i, metrics=dict.fromkeys(HEADLINES, float(v)) | other, **versions, **changes)
            for i, v in enumerate(scores)
        ]

    noise = np.array([0.01, -0.02, 0.0, 0.02, -0.01])
    forecaster = [run.model_copy(update={"metrics": {"forecast/ood/mae": 0.04}}) for run in runs("tide", noise)]
    return [
        *runs("good", 0.6 + noise),
        *runs("good too", 0.6 - noise[::-1]),
        *runs("bad", 0.2 + noise),
        *runs("hasty", [0.9]),
        *forecaster,
        *runs("oracle", [1.0], kind="control"),
        *runs("no_effect", [0.0], kind="control"),
        *runs("ceiling", 0.7 + noise),
    ]


def test_methods_are_ranked_by_the_mean_of_their_headline_scores_with_ties(second_version):
    headings, lines = cells_of(second_version, every=False)
    assert headings == ["rank", "method", "generalisation", "wiring", "responses", "mean", "OOD MAE"]
    assert [line[:2] for line in lines] == [
        ["-", "hasty"],
        ["1-2", "good"],
        ["1-2", "good too"],
        ["3", "bad"],
        ["-", "tide"],
        ["ref", "oracle"],
        ["ref", "ceiling"],
        ["ref", "no_effect"],
    ]
    assert lines[4][2:] == ["-"] * 4 + ["0.0400 ± 0"]


def test_all_columns_are_there_when_asked_for(second_version):
    headings, lines = cells_of(second_version)
    assert {"kind", "future drive", "seeds", "ID MAE", "AP lift in mask", "time s"} < set(headings)
    assert all(len(line) == len(headings) for line in lines)


def test_ranks_are_in_csv_and_json(second_version):
    found = boards(second_version)
    record = {r["method"]: r for r in csv.DictReader(io.StringIO(as_csv(found)))}
    ranks = {name: (r["rank_best"], r["rank_worst"], r["reference"]) for name, r in record.items()}
    assert ranks["good"] == ("1", "2", "False")
    assert ranks["bad"] == ("3", "3", "False")
    assert ranks["oracle"] == ("", "", "True")
    row = next(r for r in json.loads(as_json(found))[0]["rows"] if r["method"] == "good too")
    assert (row["rank_best"], row["rank_worst"]) == (1, 2)


def test_the_first_version_has_a_board_of_its_own_and_no_ranks(make, second_version):
    error = {"forecast/ood/mae": 0.1}
    old = [make("good", kind="program", seed=i, metrics=error, benchmark_version=1) for i in range(5)]
    first, second = boards([*old, *second_version])
    assert "carry no headline scores" in as_text([first])
    assert "carry no headline scores" not in as_text([second])
    assert {row.method for row in first.rows} == {"good"}
    assert "rank" not in as_text([first]).split("good")[0].splitlines()[-3]


def test_the_autonomous_track_shows_forecasts_and_no_ranks(make):
    scores = {"forecast/ood/mae": 0.1, "forecast/id/mae": 0.1, "connectivity/wiring/in_mask/lift": 0.2}
    scores |= {"forecast/id/skill_last_value": 0.3, "forecast/ood/skill_last_value": 0.0}
    results = [make("net", track="autonomous", seed=i, benchmark_version=2, metrics=scores) for i in range(5)]
    headings, _ = cells_of(results, every=False)
    assert headings == ["method", "ID MAE", "OOD MAE", "ID skill", "OOD skill"]


@pytest.mark.parametrize("track", ["autonomous", "driven", "masked"])
def test_a_table_of_the_committed_results_has_at_most_seven_columns(track):
    for board in boards(load_folder(RESULTS)):
        for table in board.tables:
            if table.rows[0].track == track:
                assert len(table.main_columns(board.columns)) + 1 + bool(table.ranks) <= 7


NASTY = "=cmd|' /C calc'!A0 <script>alert(1)</script> | [x](javascript:y)\n\n# a"


def test_a_foreign_name_breaks_no_format(make):
    task = TaskRecord(name="t|<b>", track="", tier="", circuit="", holdout="", data_sha256="cd" * 32)
    found = boards([make(NASTY, task=task, status="time|out")])
    for style in ("markdown", "html"):
        assert not re.search(r"<(script|b)>", written(found, style))
    lines = written(found, "markdown").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|"))
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in lines[start : start + 3]] == [2, 2, 2]
    assert "[x](" not in written(found, "markdown")
    assert len(lines[start:]) == 5  # heading, rule, row, empty line, legend: the name is on one line
    (record,) = csv.DictReader(io.StringIO(as_csv(found)))
    assert record["method"] == "'" + " ".join(NASTY.split())


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t=", "\r@", "\n+"])
def test_no_cell_of_the_csv_is_a_formula(make, first):
    text = as_csv(
        boards([make(first + "1+1", metrics={"forecast/ood/mae": 0.5, "forecast/id/skill_last_value": -0.5})])
    )
    (record,) = csv.DictReader(io.StringIO(text, newline=""))
    assert record["method"] == f"'{first.strip()}1+1"
    assert record["forecast/id/skill_last_value"] == "-0.5"  # a number stays one


def test_adding_a_result_changes_no_other_methods_numbers(make):
    def numbers(results):
        return {
            (row["method"], name): score
            for board in json.loads(as_json(boards(results)))
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
    (before,) = csv.DictReader(io.StringIO(as_csv(boards(old))))
    after = {r["method"]: r for r in csv.DictReader(io.StringIO(as_csv(boards([*new, *old]))))}
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
    record = {r["method"]: r for r in csv.DictReader(io.StringIO(as_csv(found)))}["mean"]
    assert float(record["forecast/id/mae"]) == pytest.approx(sum(values) / 3, abs=1e-12)
    assert record["data_sha256"] == "ab" * 32
    assert (float(record["limit:seconds"]), float(record["seconds"])) == (300, 1.5)
    assert record["forecast/ood/mae"] == ""
    (board,) = json.loads(as_json(found))
    (row,) = (r for r in board["rows"] if r["method"] == "mean")
    assert row["scores"]["forecast/id/mae"]["low"] == pytest.approx(mean_interval(values).low)
    assert "forecast/ood/mae" not in row["scores"]


@pytest.fixture
def latex(make, searched):
    results = [make("last_value", seed=i, metrics={"forecast/id/mae": 0.1 + i / 50}) for i in range(3)]
    return as_latex(boards([*results, searched(8)]))


def test_latex_is_escaped_and_balanced(latex):
    assert r"last\_value" in latex
    assert r"$\pm$" in latex
    assert latex.isascii()
    assert not re.search(r"(?<!\\)[_#&](?=\w)", latex.replace(" & ", ""))
    for environment in ("table*", "tabular"):
        assert latex.count(rf"\begin{{{environment}}}") == latex.count(rf"\end{{{environment}}}") == 1
    bare = re.sub(r"\\[{}]", "", latex)
    assert bare.count("{") == bare.count("}")


def test_latex_has_a_caption_a_label_of_its_own_and_what_the_columns_are(make, searched):
    metrics = {f"headline/{name}": 0.5 for name in ("mean", "generalisation", "wiring", "responses")}
    results = [make(seed=i, metrics=metrics) for i in range(3)]
    own = as_latex(boards([*results, make("longer", limits={"updates": 9000, "seconds": 300}, metrics=metrics)]))
    assert re.findall(r"\\label{(.*?)}", own) == ["tab:zfish-tiny-driven", "tab:zfish-tiny-driven-2"]
    for table in own.split(r"\end{table*}")[:2]:
        assert table.index(r"\end{tabular}") < table.index(r"\caption{zfish-tiny/driven") < table.index(r"\label{")
        assert r"each 0 at its control (`last\_value`, `no\_lateral`, `no\_effect`) and 1 at the true circuit" in table
        assert r"a $\pm$ b: mean over seeds with the half-width of Student's 95 \% interval" in table
    assert own.count("Not comparable: the rows of zfish-tiny/driven") == 1


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


def with_share(make, share, **changes):
    versions = {"forecast": VERSIONS["forecast"], "source": VERSIONS["source"]}
    return make("mlp", kind="program", metrics={"source/table_share": share}, metric_versions=versions, **changes)


def test_the_share_of_the_tables_is_a_column_of_all(make):
    headings, (row,) = cells_of([with_share(make, 0.0435)])
    assert row[headings.index("table share")] == "0.04"


@pytest.mark.parametrize("style", ["text", "markdown", "html", "latex"])
def test_a_program_written_from_the_tables_is_named_below_its_table(make, style):
    share = with_share(make, 0.25)
    shown = written(boards([share]), style).replace("\\", "")
    assert "mlp: its text holds 25% of the published circuit" in shown
    below = written(boards([with_share(make, SUSPICIOUS - 0.01)]), style)
    assert "its text holds" not in below


def test_a_program_with_the_canary_is_named_whatever_its_share(make):
    lines = as_text(boards([with_share(make, 0.0, notes=(CANARY_NOTE,)), with_share(make, 0.5, seed=1)]))
    remark = "mlp: its text holds 50% of the published circuit's numbers and the canary of the published tables, so it"
    assert remark in lines


def test_no_published_row_was_written_from_the_tables():
    assert not [table.remarks for board in boards(load_folder(RESULTS)) for table in board.tables if table.remarks]


def test_a_csv_of_nothing_is_empty():
    assert as_csv([]) == ""
