"""The page as files, and in a real browser where Debian's chromium and its driver are installed."""

import csv
import json
import re
import shutil

import pytest

from leaderboard.board import boards
from leaderboard.site.build import build
from leaderboard.site.svg import Line, Point, Scale, bars, lines, matrix, scatter
from zfbench.results import MethodRecord, ProgramRecord, Spend
from zfbench.search.types import Program

NASTY = '<script>alert("x")</script>'
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


def scores(id_, ood):
    return {"forecast/id/mae": id_, "forecast/ood/mae": ood, "forecast/ood/mae_sd/group/MN": ood}


@pytest.fixture
def results(make):
    curves = {
        "forecast/id/mae": [0.1, 0.2, 0.3],
        "forecast/ood/mae": [0.2, 0.3, 0.4],
        "forecast/ood/example/MN": [0.1, 0.5, 0.9],
        "connectivity/mean_jacobian": [0.9, 0.2, -0.3, 0.8],
    }
    source = "x = 1  # <b>\n"
    program = ProgramRecord(id=Program(source).id, source=source)
    found = [
        make("oracle", kind="control", metrics=scores(0.0, 0.0), curves=curves),
        make("oracle", kind="control", track="masked", metrics=scores(0.0, 0.0), curves=curves),
        make("last_value", metrics=scores(0.3, 0.35), curves=curves),
        make("mask_only", kind="control", track="masked", metrics={"connectivity/wiring/lift": 0.2}),
        make(NASTY, kind="program", metrics=scores(0.05, 0.2), curves=curves, notes=(NASTY,), program=program),
        make(
            method=MethodRecord(
                name="puct", kind="search", proposer="grammar", settings={"budget": {"evaluations": 8}}
            ),
            track="masked",
            metrics=scores(0.04, 0.06),
            curves={"search/evaluation": [2.0, 5.0, 6.0], "search/loss": [0.4, 0.2, 0.3]},
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
    assert len(links) == 7
    assert all((folder / link).exists() for link in links)
    assert {r["method"] for r in csv.DictReader((folder / "results.csv").open())} >= {"net", "oracle"}
    assert json.loads((folder / "results.json").read_text())[0]["rows"]
    assert (folder / "zfbench.bib").read_text().startswith("@software{zfbench")


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


def test_a_search_shows_its_best_loss_over_the_budget(site):
    page = next(p for p in site if "puct" in p.name).read_text()
    drawn = page.split("best validation MAE over evaluations")[1]
    course = re.search(r'class="curve line-0" points="([^"]+)"', drawn).group(1).split()
    assert len(course) == 7  # from the second evaluation, the first that worked, to the eighth
    heights = [float(point.split(",")[1]) for point in course]
    assert heights[0] == heights[2] < heights[3] == heights[6]  # down the page is lower
    assert "Anytime" in site[0].read_text()


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
    assert len(everything) == 7

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
    assert sorted(column(browser, "method")) == ["mask_only", "net", "oracle", "puct + grammar"]
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
    assert len(column(browser, "method")) == 7

    old = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    browser.find_element(By.ID, "theme").click()
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") != old

    browser.find_element(By.LINK_TEXT, "net").click()
    assert "/methods/" in browser.current_url
    assert "theme=" in browser.current_url  # the theme goes along

    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requests = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert requests
    assert all(request.startswith(("file:", "data:", "about:")) for request in requests)


def test_pages_fit_a_phone(site, browser):
    screen = {"width": 390, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    for page in (p for p in site if p.suffix == ".html"):
        browser.get(page.as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390, page.name
