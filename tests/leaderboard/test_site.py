"""The page as files, and in a real browser where Debian's chromium and its driver are installed."""

import csv
import json
import re
import shutil

import numpy as np
import pytest

from zfbench.cli.boards import RESULTS
from zfbench.leaderboard.board import boards
from zfbench.leaderboard.site.build import build
from zfbench.leaderboard.site.searches import TARGETS, loss_curve
from zfbench.leaderboard.site.svg import Line, Point, Scale, bars, lines, matrix, scatter
from zfbench.leaderboard.tables import FORMATS, as_text
from zfbench.records.program import Program
from zfbench.records.reading import load_folder
from zfbench.records.result import Evaluated, MethodRecord, ProgramRecord, Spend, TaskRecord

NASTY = '<script>alert("x")</script>'
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


def evaluated(number, loss, parents=(), wall=0.0):
    spend = Spend(evaluations=number, device_seconds=2.0 * number, wall_seconds=wall)
    status = "ok" if loss is not None else "error"
    return Evaluated(program="ab", operator="mutate", parents=parents, status=status, loss=loss, spend=spend)


SEARCH = (evaluated(1, None), evaluated(2, 0.4, (1,)), evaluated(3, 0.2, (1, 2)), evaluated(4, 0.3, (2,)))


def scores(id_, ood):
    return {"forecast/id/mae": id_, "forecast/ood/mae": ood, "forecast/ood/mae_sd/group/MN": ood}


@pytest.fixture
def results(make):
    curves = {
        "forecast/id/mae": [0.1, 0.2, 0.3],
        "forecast/ood/mae": [0.2, 0.3, 0.4],
        "forecast/ood/example/MN": [0.1, 0.5, 0.9],
        "dynamics/impulse/example/MN to SW": [0.01, -0.02],
        "connectivity/mean_jacobian": [0.9, 0.2, -0.3, 0.8],
    }
    source = "x = 1  # <b>\n"
    program = ProgramRecord(id=Program(source).id, source=source)
    found = [
        make("oracle", kind="control", metrics=scores(0.0, 0.0), curves=curves),
        make("oracle", kind="control", track="masked", metrics=scores(0.0, 0.0), curves=curves),
        make("last_value", metrics=scores(0.3, 0.35), curves=curves),
        make("last_value", track="masked", metrics={"forecast/validation/mae": 0.5}),
        make("mask_only", kind="control", track="masked", metrics={"connectivity/wiring/lift": 0.2}),
        make(NASTY, kind="program", metrics=scores(0.05, 0.2), curves=curves, notes=(NASTY,), program=program),
        make(
            method=MethodRecord(
                name="puct", kind="search", proposer="grammar", settings={"budget": {"evaluations": 8}}
            ),
            track="masked",
            metrics=scores(0.04, 0.06),
            search=SEARCH,
            finals=({"program": "cafe", "screened_loss": 0.2, "full_loss": None, "status": "timeout"},),
            spend=Spend(evaluations=8),
        ),
    ]
    return found + [
        make("net", kind="program", track="masked", seed=i, metrics=scores(0.1, 0.1 + i / 100), curves=curves)
        for i in range(3)
    ]


@pytest.fixture
def site(tmp_path, results):
    return build(boards(results), tmp_path / "site")


def test_there_is_a_page_for_each_method_and_the_numbers_beside_it(site):
    folder = site[0].parent
    index = site[0].read_text()
    links = set(re.findall(r'href="(methods/[^"]+)"', index))
    assert len(links) == 8
    assert all((folder / link).exists() for link in links)
    assert {r["method"] for r in csv.DictReader((folder / "results.csv").open())} >= {"net", "oracle"}
    assert json.loads((folder / "results.json").read_text())[0]["rows"]
    assert (folder / "zfbench.bib").read_text().startswith("@software{zfbench")


def test_the_page_says_which_methods_know_the_future_drive(site):
    index = site[0].read_text()
    assert 'data-key="future drive"' in index
    rows = {re.search(r'data-method="([^"]*)"', row)[1]: row for row in index.split("<tr class=")[2:]}
    assert ['<td data-value="yes">yes</td>' in rows[name] for name in ("puct + grammar", "last_value")] == [True, False]
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


def test_names_and_notes_from_result_files_cannot_run_as_script(site):
    for page in site:
        if page.suffix == ".html":
            assert NASTY not in page.read_text()
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


def test_targets_are_shares_of_the_last_values_error_and_no_other_search_moves_them(site, results, make, tmp_path):
    page = next(p for p in site if "puct" in p.name).read_text()
    title = "share of seeds x targets reached over evaluations"
    shares = heights(page, title)
    bottom, second, third = shares[0], shares[2], shares[4]  # after each evaluation; the last changes nothing
    reached = [np.mean(loss <= 0.5 * TARGETS) for loss in (0.4, 0.2)]
    assert (bottom - second) / (bottom - third) == pytest.approx(reached[0] / reached[1], abs=0.01)
    assert shares[-1] == third < second < bottom
    rival = results[-4].model_copy(update={"method": results[-4].method.model_copy(update={"name": "rival"})})
    rival = rival.model_copy(update={"search": (evaluated(1, 0.001), evaluated(50, 0.0001))})
    again = build(boards([*results, rival]), tmp_path / "rival")
    assert heights(next(p for p in again if "puct" in p.name).read_text(), title) == shares


def test_what_was_written_before_searches_were_recorded_is_drawn_over_evaluations(make):
    old = make(curves={"search/evaluation": [2.0, 5.0], "search/loss": [0.4, 0.2]})
    assert loss_curve(old, "evaluations") == ([2.0, 5.0], [0.4, 0.2])
    assert loss_curve(old, "tokens") is None
    assert loss_curve(make(), "evaluations") is None


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
        make("good", task=task, metrics={"likelihood/log_marginal": -5.0}, metric_versions=versions),
        make("bad", task=task, metrics={"likelihood/log_marginal": -9.0, "taste/salt": 0.5}, metric_versions=versions),
        make(
            "odd",
            task=task,
            metrics={"population/target_share": 0.8},
            curves={"population/target_share": [0.05, 0.8]},
            metric_versions=versions,
        ),
        make(),
    ]
    pages = build(boards(results), tmp_path)
    section = pages[0].read_text().split("<h2>sir</h2>")[1].split("</section>")[0]
    keys = re.findall(r'data-key="([^"]+)"', section)
    assert keys[4:] == ["likelihood/log_marginal", "population/target_share", "taste/salt", "seconds"]
    assert re.findall(r'data-method="(\w+)"', section) == ["good", "bad", "odd"]
    assert "<figure" not in section
    own = {name: next(p for p in pages if f"sir-{name}" in p.name).read_text() for name in ("good", "odd")}
    for heading in ("Error over the horizon", "One window", "Connectivity", "Impulse responses"):
        assert all(heading not in page for page in own.values())
    assert "The target among the particles" not in own["good"]
    assert re.search(r"The target among the particles.*<polyline", own["odd"], re.DOTALL)
    text = as_text(boards(results))
    assert "log p held out" in text
    assert re.search(r"- +odd +baseline +1 +- +0.80 +- +-", text)
    for style in FORMATS.values():
        assert "good" in style(boards(results))


def test_the_same_results_give_the_same_files(site, results, tmp_path):
    again = build(boards(results), tmp_path / "again")
    assert [p.read_bytes() for p in site] == [p.read_bytes() for p in again]


def test_scales_map_ends_to_ends_and_keep_what_lies_outside_at_the_edge():
    scale = Scale(0.01, 1, 0, 100, log=True)
    assert [scale(v) for v in (0.01, 0.1, 1, 0, 5)] == pytest.approx([0, 50, 100, 0, 100])
    assert Scale(0, 10, 0, 1).ticks() == [0, 2, 4, 6, 8, 10]
    assert Scale(0.01, 1, 0, 1, log=True).ticks() == pytest.approx([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1])


def test_empty_plots_are_empty():
    assert scatter([], "x", "y") == ""
    assert lines([], "x", "y") == ""


def test_plots_of_one_value_or_of_nothing_but_zeros_can_be_drawn():
    assert "nan" not in lines([Line("flat", "model", [1], [0.0])], "x", "y")
    assert "nan" not in bars([("MN", 0.0)])
    assert "nan" not in scatter([Point("a", "s", "control", 0.3, 0.3, "l")], "x", "y")


def test_negative_losses_are_drawn_apart_and_in_order():
    drawn = str(lines([Line("nats", "model", [1, 2, 3], [-10.0, -40.0, -20.0])], "x", "y", legend=False))
    course = re.search(r'class="curve model" points="([^"]+)"', drawn).group(1).split()
    first, lowest, last = (float(point.split(",")[1]) for point in course)
    assert first < last < lowest


def test_a_matrix_picture_has_red_for_excitation_blue_for_inhibition_and_no_diagonal(tmp_path):
    import base64

    import matplotlib.image

    data = re.search(r"base64,([^\"]+)", matrix([[9.0, 0.5], [-0.5, 9.0]])).group(1)
    (tmp_path / "m.png").write_bytes(base64.b64decode(data))
    picture = matplotlib.image.imread(tmp_path / "m.png")  # [2, 2, 4] in [0, 1]
    assert picture[0, 0, 3] == picture[1, 1, 3] == 0
    assert picture[0, 1, 0] > picture[0, 1, 2]
    assert picture[1, 0, 2] > picture[1, 0, 0]


@pytest.fixture
def browser():
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("chromium and chromedriver are not installed (Debian: apt-get install chromium chromium-driver)")
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    options = selenium.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = selenium.Chrome(options=options, service=selenium.ChromeService(DRIVER))
    yield driver
    driver.quit()


def column(browser, key):
    """What the visible rows show in a column, top to bottom."""
    return browser.execute_script(
        """const heads = [...document.querySelectorAll('.board thead th')];
        const i = heads.findIndex((h) => h.firstElementChild.dataset.key === arguments[0]);
        return [...document.querySelectorAll('.board tbody tr')].filter((r) => !r.hidden)
          .map((r) => r.cells[i].dataset.value);""",
        key,
    )


def choose(browser, name, value):
    browser.execute_script(
        """const field = document.querySelector(`[name=${arguments[0]}]`); field.value = arguments[1];
        field.dispatchEvent(new Event('input', {bubbles: true}));""",
        name,
        value,
    )


def test_the_page_sorts_filters_and_remembers_in_its_url_in_a_real_browser(site, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    url = site[0].as_uri()
    browser.get(url)
    everything = column(browser, "method")
    assert len(everything) == 8

    head = browser.find_element(By.CSS_SELECTOR, "button[data-key='forecast/ood/mae']")
    head.click()
    shown = column(browser, "forecast/ood/mae")
    numbers = [float(v) for v in shown if v]
    assert numbers == sorted(numbers)
    assert shown[-1] == ""  # the mask-only control forecasts nothing
    head.send_keys(Keys.ENTER)  # the keyboard reverses the order
    shown = column(browser, "forecast/ood/mae")
    assert [float(v) for v in shown if v] == numbers[::-1]
    assert shown[-1] == ""
    assert browser.find_elements(By.CSS_SELECTOR, "th[aria-sort=descending]")

    choose(browser, "track", "masked")
    assert sorted(column(browser, "method")) == ["last_value", "mask_only", "net", "oracle", "puct + grammar"]
    choose(browser, "kind", "search")
    assert sorted(column(browser, "method")) == ["mask_only", "oracle", "puct + grammar"]
    assert browser.find_element(By.ID, "count").text == "3 rows"

    shared = browser.current_url
    for part in ("track=masked", "kind=search", "order=descending"):
        assert part in shared
    before = column(browser, "method")
    browser.get("about:blank")
    browser.get(shared)
    assert column(browser, "method") == before
    browser.find_element(By.CSS_SELECTOR, "button[type=reset]").click()
    assert len(column(browser, "method")) == 8

    axis = browser.find_element(By.CSS_SELECTOR, "select[name=axis]")
    axis.send_keys(Keys.ARROW_DOWN)  # the keyboard chooses the next axis
    plots = [p for p in browser.find_elements(By.CSS_SELECTOR, "[data-axis]") if p.is_displayed()]
    assert [p.get_attribute("data-axis") for p in plots] == ["device_seconds"]
    assert "axis=device_seconds" in browser.current_url
    browser.get("about:blank")
    browser.get(url + "#axis=device_seconds")
    plots = [p for p in browser.find_elements(By.CSS_SELECTOR, "[data-axis]") if p.is_displayed()]
    assert [p.get_attribute("data-axis") for p in plots] == ["device_seconds"]

    old = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    browser.find_element(By.ID, "theme").click()
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") != old

    browser.find_element(By.LINK_TEXT, "net").click()
    assert "/methods/" in browser.current_url
    assert "theme=" in browser.current_url  # theme and axis go along
    assert "axis=device_seconds" in browser.current_url

    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requests = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert requests
    assert all(request.startswith(("file:", "data:", "about:")) for request in requests)


def test_the_keyboard_reaches_every_control(site, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser.get(site[0].as_uri())
    controls = "a[href], button, input, select, summary"
    shown = [e for e in browser.find_elements(By.CSS_SELECTOR, controls) if e.is_displayed()]
    reached = set()
    for _ in range(len(shown) + 10):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(browser.switch_to.active_element)
    assert set(shown) <= reached
    ring = "return getComputedStyle(document.activeElement).outlineStyle"
    assert browser.execute_script(ring) == "solid"  # whoever tabs sees where they are


def test_pages_fit_a_phone(site, browser):
    screen = {"width": 390, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    for page in (p for p in site if p.suffix == ".html"):
        browser.get(page.as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390, page.name
