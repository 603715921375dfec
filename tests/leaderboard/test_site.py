"""The page as files."""

import csv
import html
import json
import re
import sys

import numpy as np
import pytest

from zfbench.leaderboard.board import boards
from zfbench.leaderboard.shipped import RESULTS
from zfbench.leaderboard.site.build import build
from zfbench.leaderboard.site.index import table_numbers
from zfbench.leaderboard.site.searches import TARGETS, loss_curve
from zfbench.leaderboard.site.sections import budget_of, sections
from zfbench.leaderboard.tables import FORMATS, as_text, written
from zfbench.records.reading import load_folder
from zfbench.records.result import TaskRecord

HEADLINES = ("generalisation", "wiring", "responses", "mean")


def rows_of(index, table="0-0"):
    """The rows of a table of the index by method, as text."""
    body = index.split(f'id="table-{table}"')[1].split("</table>")[0]
    return {
        html.unescape(re.search(r'class="method" data-value="([^"]*)"', row)[1]): row
        for row in body.split("<tr data-i")[1:]
    }


def page_of(site, part):
    return next(p for p in site if part in p.name and p.parent.name == "methods").read_text()


def test_there_is_a_page_for_each_method_and_the_numbers_beside_it(site, index):
    folder = site[0].parent
    links = set(re.findall(r'href="(methods/[^"]+)"', index))
    assert len(links) == 8
    assert all((folder / link).exists() for link in links)
    assert {r["method"] for r in csv.DictReader((folder / "results.csv").open())} >= {"net", "oracle"}
    assert json.loads((folder / "results.json").read_text())[0]["rows"]
    assert (folder / "zfbench.bib").read_text().startswith("@software{zfbench")


def test_the_first_screen_has_the_larva_the_question_the_claims_and_a_table_for_each_track(index):
    before = index.split('<form id="filters"')[0]
    for part in ("Do methods that write models find the mechanism?", "<svg", "Generalisation", "Wiring", "Responses"):
        assert part in before
    assert re.findall(r"<b>(\d)</b> ([a-z ]+)<", before) == [
        ("1", "supported"), ("0", "no better than the margin"), ("0", "refuted"), ("1", "undecided"),
    ]  # fmt: skip
    assert "decided: nets &lt;win&gt;." in before
    assert "open: nets" not in before  # what is undecided is on the page of the claims
    assert re.findall(r'data-track="(\w+)" data-task="([^"]+)"', index) == [
        ("masked", "zfish-tiny/masked"), ("driven", "zfish-tiny/driven"),
    ]  # fmt: skip


def test_a_table_shows_seven_columns_at_most_and_the_script_holds_the_others(index, numbers):
    heads = index.split("<thead>")[1].split("</thead>")[0]
    keys = re.findall(r'data-key="([^"]+)"', heads)
    assert keys == ["rank", "method", *(f"headline/{name}" for name in HEADLINES), "forecast/ood/mae"]
    assert all(row.count("<td ") + row.count("<th ") == 7 for row in rows_of(index).values())
    others = [heading for heading, _, _ in numbers["tables"][0]["columns"]]
    assert others == ["kind", "seeds", "future drive", "ID MAE", "AP lift", "impulse error"]
    assert all(len(row["more"]) == len(others) for row in numbers["tables"][0]["rows"])


def test_the_first_click_on_a_column_puts_the_best_first(index):
    first = dict(re.findall(r'data-key="([^"]+)" data-first="([a-z]+)"', index))
    assert first["headline/wiring"] == "descending"
    assert first["forecast/ood/mae"] == first["rank"] == "ascending"


def test_scores_are_drawn_with_their_interval_and_the_ceiling(make, index, tmp_path):
    drawn = rows_of(index)["net"].split('class="number drawn"')[1:]
    assert len(drawn) == 4
    mean, low, high = (float(re.search(rf"--{name}:([\d.]+)%", drawn[0])[1]) for name in "mlh")
    assert mean == pytest.approx(100 * (0.78 + 0.25) / 1.3, abs=0.1)
    assert low < mean < high
    assert "0.78 <small>± 0.05</small>" in drawn[0]
    assert "--l" not in rows_of(index)["oracle"]  # of one run
    results = [make("ceiling", kind="program", seed=i, metrics={"headline/mean": 0.7 + i / 10}) for i in range(2)]
    results += [make("good", metrics={"headline/mean": 9.0}), make("bad", metrics={"headline/mean": -9.0})]
    rows = rows_of(build(boards(results), tmp_path)[0].read_text())
    assert 'class="over"' in rows["good"]
    assert 'class="under"' in rows["bad"]
    assert all("--c:76.9%" in row for row in rows.values())


def test_methods_are_ranked_and_references_stand_below_them(index):
    rows = rows_of(index)
    assert '<td class="rank" data-value="100001">1</td>' in rows["net"]
    assert ">ref</td>" in rows["oracle"]
    assert list(rows)[-2:] == ["oracle", "mask_only"]
    assert index.count('<tbody class="references">') == 2


def test_one_table_holds_all_budgets_and_what_is_no_search_once(make, search_method, tmp_path):
    results = [make(**search_method(budget={"evaluations": n}), seed=s, metrics={"headline/mean": n / 100 + s / 1e4})
               for n in (8, 40) for s in range(3)]  # fmt: skip
    results += [make("net", kind="program", seed=s, metrics={"headline/mean": 0.2 + s / 1e4}) for s in range(3)]
    assert len(boards(results)) == 2
    shown = sections(boards(results))
    assert len(shown) == 1
    (table,) = shown[0].tables
    assert [(e.row.runs[0].method.name, e.budget, str(table.ranks[e.page])) for e in table.entries] == [
        ("puct", "40 evaluations", "1"), ("net", "", "2"), ("puct", "8 evaluations", "3"),
    ]  # fmt: skip
    index, *pages = build(boards(results), tmp_path)
    assert sum(p.parent.name == "methods" for p in pages) == 3
    assert re.findall(r"<option>(\d+ evaluations)</option>", index.read_text()) == ["40 evaluations", "8 evaluations"]
    assert index.read_text().count("<small>40 evaluations</small>") == 1


def test_pages_of_names_that_differ_in_signs_alone_are_different_files(make, tmp_path):
    results = [make(name, metrics={"headline/mean": 0.1}) for name in ("a b", "a-b", "A+b", "x" * 300, "x" * 301)]
    pages = [p.name for p in build(boards(results), tmp_path) if p.parent.name == "methods"]
    assert len({name.lower() for name in pages}) == 5
    assert max(map(len, pages)) < 200


def test_the_other_columns_say_which_methods_know_the_future_drive(site, results, numbers, index):
    search = next(row.method for row in boards(results)[0].rows if row.kind == "search")
    names = list(rows_of(index))
    known = {name: row["more"][2] for name, row in zip(names, numbers["tables"][0]["rows"], strict=True)}
    assert [known[name] for name in (search, "last_value", "mask_only")] == ["yes", "no", "-"]
    assert "not given the future drive" in page_of(site, "last_value")
    assert "s, given the future drive" in page_of(site, "net")


def test_every_link_leads_to_a_file_of_the_site_or_to_a_paper(site):
    for page in (p for p in site if p.suffix == ".html"):
        text = page.read_text()
        for link in re.findall(r'href="([^"]+)"', text):
            target, _, anchor = link.partition("#")
            if link.startswith("https://"):
                assert f'<a class="paper" href="{link}"' in text
            elif not link.startswith("data:"):
                found = page if not target else page.parent / target
                assert found.is_file(), (page.name, link)
                assert not anchor or f'id="{anchor}"' in found.read_text(), (page.name, link)


def test_the_committed_results_make_a_site_with_a_page_for_each_row(tmp_path):
    found = boards(load_folder(RESULTS))
    pages = build(found, tmp_path)
    rows = {(row.task, row.method, budget_of(row)) for board in found for row in board.rows}
    assert sum(p.parent.name == "methods" for p in pages) == len(rows)
    assert max(p.stat().st_size for p in pages if p.suffix == ".html") < 2**20  # fast to open


def test_names_notes_and_options_from_result_files_cannot_run_as_script(site, index, nasty):
    for page in site:
        if page.suffix == ".html":
            assert nasty not in page.read_text()
    assert "&lt;script&gt;" in index


def test_no_page_loads_anything_from_the_network(site):
    for page in site:
        if page.suffix in (".html", ".css", ".js"):
            text = re.sub(r'<a class="paper" href="[^"]+"', "", page.read_text())  # read on purpose, and loads nothing
            assert not re.findall(r'(?:src|href|url\()\s*=?\s*["\'(]?\s*(?:https?:)?//[^"\')]*', text)
            assert "fetch(" not in text


def test_the_page_of_the_claims_says_what_decided_them(site):
    page = next(p for p in site if p.name == "claims.html").read_text()
    assert "decided: nets &lt;win&gt;." in page
    assert 'class="claim supported"' in page
    assert 'class="claim undecided"' in page
    assert "n = 3 training seeds" in page
    assert "no results of nobody" in page


def test_without_claims_the_page_says_nothing_of_them(results, tmp_path):
    pages = build(boards(results), tmp_path)
    assert not any(p.name == "claims.html" for p in pages)
    assert "claims" not in pages[0].read_text().lower()


def test_a_methods_page_shows_traces_connectivity_horizon_program_and_spend(site):
    page = page_of(site, "script")
    for part in ("One window of the held-out", "data:image/png", "Error over the horizon", 'class="source"', "Spend"):
        assert part in page
    assert "&lt;b&gt;" in page


def test_a_methods_page_says_what_it_is_its_paper_its_command_and_its_rank(site):
    search = html.unescape(page_of(site, "puct"))
    assert "weighs good programs against programs that were rarely built on" in search
    assert 'href="https://doi.org/10.1038/s41586-026-10658-6"' in search
    assert 'href="https://arxiv.org/abs/2509.06503"' in search
    command = "zfbench run --task zfish-tiny/masked --discoverer puct --proposer grammar --budget evaluations=8"
    assert f"{command} --set c=2.0" in search
    assert "<b>rank 1 of 1</b>" in page_of(site, "net")
    assert "<b>not ranked</b>" in search  # one seed
    oracle = page_of(site, "driven-oracle")
    assert "<b>reference</b>" in oracle
    assert "the true circuit f* itself" in oracle
    assert "zfbench suite run tiny --task zfish-tiny/driven --method oracle" in oracle


def heights(page, title):
    """Heights of the first curve of a plot, top of the page first."""
    drawn = page.split(f'aria-label="{title}"')[1]
    course = re.search(r'class="curve model" points="([^"]+)"', drawn).group(1).split()
    return [float(point.split(",")[1]) for point in course]


def test_a_search_shows_its_best_loss_on_every_axis_on_which_it_spent(site, numbers):
    page = page_of(site, "puct")
    for title in ("evaluations", "device seconds"):
        course = heights(page, f"best validation loss over {title}")
        assert course[0] < course[-1] == max(course)  # down the page is lower
        assert len(set(course)) == 2  # from the second evaluation, the first that worked; the last is no better
    assert re.findall(r'<option value="(\w+)">', page.split('name="axis"')[1]) == ["evaluations", "device_seconds"]
    assert "No spend is recorded in wall seconds, tokens." in page
    row = next(row for row in numbers["tables"][0]["rows"] if "anytime" in row)
    budgets, median, low, high = row["anytime"]["evaluations"]
    assert budgets == [2, 3, 4]
    assert median == low == high == [0.4, 0.2, 0.2]


def test_targets_are_shares_of_the_last_values_error_and_no_other_search_moves_them(
    numbers, results, evaluated, tmp_path
):
    def drawn(found):
        return [row["reached"]["evaluations"] for row in found["tables"][0]["rows"] if "reached" in row]

    ((budgets, shares),) = drawn(numbers)
    assert budgets == [1, 2, 3, 4]
    assert shares == pytest.approx([0, *(np.mean(loss <= 0.5 * TARGETS) for loss in (0.4, 0.2, 0.2))], abs=1e-4)
    search = next(r for r in results if r.method.kind == "search")
    rival = search.model_copy(update={"method": search.method.model_copy(update={"name": "rival"})})
    rival = rival.model_copy(update={"evaluated": (evaluated(1, 0.001), evaluated(50, 0.0001))})
    (shown,) = sections(boards([*results, rival]))
    assert [budgets, shares] in drawn({"tables": [table_numbers(shown, table) for table in shown.tables]})


def test_the_losses_of_a_search_are_drawn_over_what_it_spent(make, evaluated):
    told = make(evaluated=(evaluated(2, 0.4), evaluated(5, 0.2)))
    assert loss_curve(told, "evaluations") == ([2.0, 5.0], [0.4, 0.2])
    assert loss_curve(told, "tokens") is None
    assert loss_curve(make(), "evaluations") is None


def test_a_searchs_page_tells_its_settings_and_options(site):
    page = html.unescape(page_of(site, "puct"))
    settings = json.loads(re.search(r"<summary>Settings</summary><pre>(.*?)</pre>", page, re.DOTALL)[1])
    assert settings["discoverer"] == {"c": 2.0}
    assert (settings["budget"], settings["finalists"]) == ({"evaluations": 8.0}, 2)
    assert "Settings" not in page_of(site, "net")


def test_results_under_several_versions_of_a_metric_have_sections_of_their_own(make, tmp_path):
    results = [make(), make(metric_versions={"forecast": 2}, metrics={"forecast/id/mae": 0.75})]
    index, *rest = build(boards(results), tmp_path)
    text = index.read_text()
    found = text.split('<section class="section"')[1:]
    assert ["forecast version 1" in s.split("</section>")[0] for s in found] == [True, False]
    assert len([p for p in rest if p.parent.name == "methods"]) == 2
    assert (
        "Not comparable: the rows of zfish-tiny/driven and those of an earlier table differ in: versions of metrics"
        in text
    )


def test_a_searchs_page_shows_its_tree_finals_and_population(site):
    page = page_of(site, "puct")
    assert page.count('class="descent"') == 3
    assert page.count('class="node failed"') == page.count('class="node finalist"') == 1
    assert '<g class="node judged"><title>4: mutate of 2, loss 0.3' in page  # not the best when screened
    assert "3: mutate of 1, 2, loss 0.2" in page
    assert "1: mutate, error" in page
    assert "timeout" in page
    assert "best 50 so far" in page


def test_a_searchs_page_shows_the_code_of_every_finalist_and_what_was_changed(site):
    page = page_of(site, "puct")
    first, judged = page.split('<details class="program"')[1:3]
    assert "★ judged" in judged
    assert "★ judged" not in first
    assert "&lt;i&gt;" in first
    assert "The result does not hold the program it was made from." in first
    assert 'class="gd">-x = 1' in judged
    assert 'class="gi">+x = 2' in judged
    finals = page.split('aria-label="Finals"')[1].split("</table>")[0]
    assert re.findall(r"<td>(\d|-)</td><td>([^<]+)</td><td>(\w+)</td>", finals) == [
        ("3", "mutate of 1, 2", "timeout"), ("4", "mutate of 2", "ok"),
    ]  # fmt: skip


def test_finals_whose_sources_are_not_in_the_result_say_so_and_the_judged_one_is_shown(results, tmp_path):
    search = next(r for r in results if r.method.kind == "search")
    bare = tuple({k: v for k, v in f.items() if k not in ("source", "change")} for f in search.finals)
    others = [r for r in results if r is not search]
    page = page_of(build(boards([*others, search.model_copy(update={"finals": bare})]), tmp_path), "puct")
    assert page.count("The result does not hold the source of this program") == 1
    assert page.count('<div class="source">') == 1


def test_impulse_responses_are_drawn_over_the_true_ones(site):
    page = page_of(site, "script")
    panel = page.split(">MN to SW")[1].split("</svg>")[0]
    assert "curve truth" in panel
    assert "curve model" in panel


def test_a_methods_page_names_what_its_result_does_not_hold_and_has_no_empty_parts(site):
    page = page_of(site, "mask_only")
    absent = "error over the horizon, forecasts of one window, the recovered connectivity, impulse responses"
    assert f"Not applicable to this method, or not recorded: {absent}." in page
    for heading in ("Error over the horizon", "One window", "Connectivity", "Impulse responses"):
        assert f"<h2>{heading}" not in page


def test_boards_of_tasks_with_other_scores_have_their_own_columns_and_no_empty_plots(make, tmp_path):
    task = TaskRecord(name="sir", track="", tier="", circuit="", holdout="", data_sha256="cd" * 32)
    versions = {"likelihood": 1, "population": 1, "taste": 1}
    results = [
        make("good", task=task, drive=None, metrics={"likelihood/log_marginal": -5.0}, metric_versions=versions),
        make(
            "bad",
            task=task,
            drive=None,
            metrics={"likelihood/log_marginal": -9.0, "taste/salt": 0.5},
            metric_versions=versions,
        ),
        make(
            "odd",
            task=task,
            drive=None,
            metrics={"population/target_share": 0.8},
            curves={"population/target_share": [0.05, 0.8]},
            metric_versions=versions,
        ),
        make(),
    ]
    pages = build(boards(results), tmp_path)
    index = pages[0].read_text()
    section = index.split("<h2>sir</h2>")[1].split("</section>")[0]
    keys = re.findall(r'data-key="([^"]+)"', section)
    assert keys == ["method", "likelihood/log_marginal", "population/target_share", "taste/salt"]
    assert re.findall(r'class="method" data-value="(\w+)"', section) == ["good", "bad", "odd"]
    assert "Best log p held out first." in section
    assert 'data-table="0-0"' not in index  # nothing to plot
    own = {name: next(p for p in pages if f"sir-{name}" in p.name).read_text() for name in ("good", "odd")}
    for heading in ("Error over the horizon", "One window", "Connectivity", "Impulse responses"):
        assert all(heading not in page for page in own.values())
    assert "The target among the particles" not in own["good"]
    assert re.search(r"The target among the particles.*<polyline", own["odd"], re.DOTALL)
    text = as_text(boards(results), every=True)
    assert "log p held out" in text
    assert re.search(r"odd +baseline +1 +- +0.80 +- +-", text)
    for style in FORMATS:
        assert "good" in written(boards(results), style)


def test_the_same_results_give_the_same_files(site, results, answers, tmp_path):
    again = build(boards(results), tmp_path / "again", answers)
    assert [p.read_bytes() for p in site] == [p.read_bytes() for p in again]


def lines_run(found, folder):
    """The number of lines of the page's modules that run while it is built, those of loops each time."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        count += event == "line"
        return trace if "leaderboard/site/" in frame.f_code.co_filename else None

    sys.settrace(trace)
    try:
        build(found, folder)
    finally:
        sys.settrace(None)
    return count


def test_the_work_of_a_page_grows_with_the_number_of_methods_and_not_with_its_square(make, tmp_path):
    def board(methods):
        scores = [
            {"headline/mean": 0.1 + i / 99 + s / 1e3, "forecast/id/mae": 0.2} for i in range(methods) for s in (0, 1)
        ]
        runs = [make(f"method{i // 2}", kind="program", seed=i % 2, metrics=own) for i, own in enumerate(scores)]
        return boards([*runs, make("last_value", metrics={"forecast/id/mae": 0.4})])

    few, many = (lines_run(board(methods), tmp_path / str(methods)) for methods in (10, 40))
    assert few < many < 4.5 * few  # of a square it would be 16
