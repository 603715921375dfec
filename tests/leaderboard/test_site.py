"""The page as files."""

import csv
import html
import json
import re

import numpy as np
import pytest

from zfbench.leaderboard.board import boards
from zfbench.leaderboard.shipped import RESULTS
from zfbench.leaderboard.site.build import build
from zfbench.leaderboard.site.searches import TARGETS, loss_curve
from zfbench.leaderboard.tables import FORMATS, as_text, written
from zfbench.records.reading import load_folder
from zfbench.records.result import TaskRecord


def test_there_is_a_page_for_each_method_and_the_numbers_beside_it(site):
    folder = site[0].parent
    index = site[0].read_text()
    links = set(re.findall(r'href="(methods/[^"]+)"', index))
    assert len(links) == 8
    assert all((folder / link).exists() for link in links)
    assert {r["method"] for r in csv.DictReader((folder / "results.csv").open())} >= {"net", "oracle"}
    assert json.loads((folder / "results.json").read_text())[0]["rows"]
    assert (folder / "zfbench.bib").read_text().startswith("@software{zfbench")


def test_the_page_says_which_methods_know_the_future_drive(site, results):
    index = site[0].read_text()
    assert 'data-key="future drive"' in index
    search = next(row.method for row in boards(results)[0].rows if row.kind == "search")
    rows = {html.unescape(re.search(r'data-method="([^"]*)"', row)[1]): row for row in index.split("<tr class=")[2:]}
    assert ['<td data-value="yes">yes</td>' in rows[name] for name in (search, "last_value")] == [True, False]
    assert '<td data-value="no">no</td>' in rows["last_value"]
    assert '<td data-value="">-</td>' in rows["mask_only"]
    heads, cells = index.split("<thead>")[1].split("</thead>")[0], rows["last_value"].split("</tr>")[0]
    assert heads.count("<th ") == cells.count("<td ") + cells.count("<th ")
    pages = {p.name: p.read_text() for p in site if p.suffix == ".html"}
    assert any("not given the future drive" in text for name, text in pages.items() if "last_value" in name)
    assert all("s, given the future drive" in text for name, text in pages.items() if "net" in name)


def test_every_link_leads_to_a_file_of_the_site(site):
    for page in (p for p in site if p.suffix == ".html"):
        for link in re.findall(r'href="([^"]+)"', page.read_text()):
            assert link == "data:," or (page.parent / link).is_file(), (page.name, link)


def test_the_committed_results_make_a_site_with_a_page_for_each_row(tmp_path):
    found = boards(load_folder(RESULTS))
    pages = build(found, tmp_path)
    assert sum(p.parent.name == "methods" for p in pages) == sum(len(board.rows) for board in found)
    assert max(p.stat().st_size for p in pages if p.suffix == ".html") < 2**20  # fast to open


def test_names_notes_and_options_from_result_files_cannot_run_as_script(site, nasty):
    for page in site:
        if page.suffix == ".html":
            assert nasty not in page.read_text()
    assert "&lt;script&gt;" in site[0].read_text()


def test_no_page_refers_to_the_network(site):
    for page in site:
        if page.suffix == ".html":
            assert not re.findall(r'(?:src|href|url\()\s*=?\s*["\'(]?\s*(?:https?:)?//[^"\')]*', page.read_text())


def test_a_methods_page_shows_traces_connectivity_horizon_program_and_spend(site):
    page = next(p for p in site if "script" in p.name).read_text()
    for part in ("One window of the held-out", "data:image/png", "Error over the horizon", 'class="source"', "Spend"):
        assert part in page
    assert "&lt;b&gt;" in page


def heights(page, title):
    """Heights of the first curve of a plot, top of the page first."""
    drawn = page.split(f'aria-label="{title}"')[1]
    course = re.search(r'class="curve line-0" points="([^"]+)"', drawn).group(1).split()
    return [float(point.split(",")[1]) for point in course]


def test_a_search_shows_its_best_loss_on_every_axis_on_which_it_spent(site):
    page = next(p for p in site if "puct" in p.name).read_text()
    for title in ("evaluations", "device seconds"):
        course = heights(page, f"best validation loss over {title}")
        assert course[0] < course[-1] == max(course)  # down the page is lower
        assert len(set(course)) == 2  # from the second evaluation, the first that worked; the last is no better
    assert len(heights(page, "best validation loss over evaluations")) == 5  # steps at the second, third and fourth
    assert re.findall(r'<option value="(\w+)">', page.split('name="axis"')[1]) == ["evaluations", "device_seconds"]
    assert "No spend is recorded in wall seconds, tokens." in page
    assert 'name="axis"' in site[0].read_text()


def test_targets_are_shares_of_the_last_values_error_and_no_other_search_moves_them(site, results, evaluated, tmp_path):
    page = next(p for p in site if "puct" in p.name).read_text()
    title = "share of seeds x targets reached over evaluations"
    shares = heights(page, title)
    bottom, second, third = shares[0], shares[2], shares[4]  # after each evaluation; the last changes nothing
    reached = [np.mean(loss <= 0.5 * TARGETS) for loss in (0.4, 0.2)]
    assert (bottom - second) / (bottom - third) == pytest.approx(reached[0] / reached[1], abs=0.01)
    assert shares[-1] == third < second < bottom
    rival = results[-4].model_copy(update={"method": results[-4].method.model_copy(update={"name": "rival"})})
    rival = rival.model_copy(update={"evaluated": (evaluated(1, 0.001), evaluated(50, 0.0001))})
    again = build(boards([*results, rival]), tmp_path / "rival")
    assert heights(next(p for p in again if "puct" in p.name).read_text(), title) == shares


def test_the_losses_of_a_search_are_drawn_over_what_it_spent(make, evaluated):
    told = make(evaluated=(evaluated(2, 0.4), evaluated(5, 0.2)))
    assert loss_curve(told, "evaluations") == ([2.0, 5.0], [0.4, 0.2])
    assert loss_curve(told, "tokens") is None
    assert loss_curve(make(), "evaluations") is None


def test_a_searchs_page_tells_its_settings_and_options(site):
    page = html.unescape(next(p for p in site if "puct" in p.name).read_text())
    settings = json.loads(re.search(r"<summary>Settings</summary><pre>(.*?)</pre>", page, re.DOTALL)[1])
    assert settings["discoverer"] == {"c": 2.0}
    assert (settings["budget"], settings["finalists"]) == ({"evaluations": 8.0}, 2)
    assert "Settings" not in next(p for p in site if "net" in p.name).read_text()


def test_results_under_several_versions_of_a_metric_have_sections_of_their_own(make, tmp_path):
    results = [make(), make(metric_versions={"forecast": 2}, metrics={"forecast/id/mae": 0.75})]
    index, *rest = build(boards(results), tmp_path)
    sections = index.read_text().split("<section")[1:]
    assert ["forecast version 1" in s for s in sections if "forecast version" in s] == [True, False]
    assert len([p for p in rest if p.parent.name == "methods"]) == 2


def test_a_searchs_page_shows_its_tree_finals_and_population(site):
    page = next(p for p in site if "puct" in p.name).read_text()
    assert page.count('class="descent"') == 3
    assert page.count('class="node failed"') == page.count('class="node best"') == 1
    assert "3: mutate of 1, 2, loss 0.2" in page
    assert "1: mutate, error" in page
    assert "timeout" in page
    assert "best 50 so far" in page


def test_impulse_responses_are_drawn_over_the_true_ones(site):
    page = next(p for p in site if "script" in p.name).read_text()
    panel = page.split(">MN to SW")[1].split("</svg>")[0]
    assert "curve truth" in panel
    assert "curve model" in panel


def test_what_a_result_does_not_hold_is_a_dash_on_its_methods_page(site):
    page = next(p for p in site if "mask_only" in p.name).read_text()
    for heading in ("Error over the horizon", "One window", "Connectivity", "Impulse responses"):
        assert re.search(rf"<h2>{heading}[^<]*</h2>\s*<p>-</p>", page), heading


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
    section = pages[0].read_text().split("<h2>sir</h2>")[1].split("</section>")[0]
    keys = re.findall(r'data-key="([^"]+)"', section)
    assert keys[4:] == ["rank", "likelihood/log_marginal", "population/target_share", "taste/salt", "seconds"]
    assert re.findall(r'data-method="(\w+)"', section) == ["good", "bad", "odd"]
    assert "<figure" not in section
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


def test_the_same_results_give_the_same_files(site, results, tmp_path):
    again = build(boards(results), tmp_path / "again")
    assert [p.read_bytes() for p in site] == [p.read_bytes() for p in again]
