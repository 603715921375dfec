"""The page in a real browser, where Debian's chromium and its driver are installed: wide and phone, light and dark."""

import json
import shutil

import pytest

from zfbench.leaderboard.board import boards
from zfbench.leaderboard.shipped import RESULTS
from zfbench.leaderboard.site.build import build
from zfbench.records.reading import load_folder

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
WIDE, PHONE = (1400, 900), (390, 844)


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("chromium and chromedriver are not installed (Debian: apt-get install chromium chromium-driver)")
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    options = selenium.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = selenium.Chrome(options=options, service=selenium.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium):
    """The browser as it is at first: wide, light, with scripts, and with nothing logged."""
    chromium.get("about:blank")
    screen(chromium, WIDE)
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    for log in ("browser", "performance"):
        chromium.get_log(log)
    return chromium


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The page of the committed results."""
    return build(boards(load_folder(RESULTS)), tmp_path_factory.mktemp("site"))


def screen(browser, size, dark=False):
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def column(browser, key):
    """What the visible rows show in a column, top to bottom, all tables."""
    return browser.execute_script(
        """return [...document.querySelectorAll('.card:not([hidden]) table')].flatMap((table) => {
          const i = [...table.tHead.rows[0].cells].findIndex((h) => h.firstElementChild.dataset.key === arguments[0]);
          return i < 0 ? [] : [...table.querySelectorAll('tbody tr')].filter((r) => r.offsetParent)
            .map((r) => r.cells[i].dataset.value); });""",
        key,
    )


def choose(browser, name, value):
    browser.execute_script(
        """const field = document.querySelector(`#filters [name=${arguments[0]}]`); field.value = arguments[1];
        field.dispatchEvent(new Event('input', {bubbles: true}));""",
        name,
        value,
    )


def click(browser, selector):
    browser.execute_script("document.querySelector(arguments[0]).click()", selector)


def drawn(browser, plot):
    """The names that a plot shows, of all visible tables, after it is drawn anew."""
    wait(browser, "return [...document.querySelectorAll('figure')].every((f) => !f.near || !f.stale)")
    return browser.execute_script(
        """return [...document.querySelectorAll(`.plotted:not([hidden]) [data-plot=${arguments[0]}] a title`)]
          .map((t) => t.textContent.split(': ')[0]);""",
        plot,
    )


def visit(browser, url):
    """Show a page; the driver may return before the browser has left the page before."""
    browser.get(url)
    arrived(browser, url.split("#")[0])


def arrived(browser, address):
    """Wait until a page whose address has this part is shown."""
    wait(browser, f"return document.readyState === 'complete' && document.URL.includes({json.dumps(address)})")


def wait(browser, script):
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 30).until(lambda b: b.execute_script(script))


def test_the_page_orders_filters_and_remembers_in_its_url(site, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    url = site[0].as_uri()
    visit(browser, url)
    everything = column(browser, "method")
    assert len(everything) == 7  # one control waits for further rows to be asked for
    assert browser.find_element(By.ID, "count").text == "5 methods"
    click(browser, "[data-more]")
    assert len(column(browser, "method")) == 8
    assert "rows=108" in browser.current_url

    head = browser.find_element(By.CSS_SELECTOR, "button[data-key='forecast/ood/mae']")
    head.click()  # errors: lowest first
    shown = column(browser, "forecast/ood/mae")
    masked = shown[: shown.index("0.06") + 4]
    assert masked[:2] == ["0.06", "0.11"]
    assert masked[2] == ""  # the last value of this track has no score, which stays last
    head.send_keys(Keys.ENTER)  # the keyboard reverses the order
    assert column(browser, "forecast/ood/mae")[:3] == ["0.11", "0.06", ""]
    assert browser.find_elements(By.CSS_SELECTOR, "th[aria-sort=descending]")
    click(browser, "button[data-key='headline/wiring']")  # scores: highest first
    assert [float(v) for v in column(browser, "headline/wiring")[:2]] == [0.88, 0.78]
    assert "order=descending" in browser.current_url

    choose(browser, "track", "masked")
    names = column(browser, "method")
    assert sorted(names)[:4] == ["last_value", "mask_only", "net", "oracle"]
    choose(browser, "kind", "search")
    (search,) = set(column(browser, "method")) - {"mask_only", "oracle"}
    assert search.startswith("puct + grammar (")
    assert browser.find_element(By.ID, "count").text == "1 method"

    shared = browser.current_url
    for part in ("track=masked", "kind=search", "sort=headline"):
        assert part in shared
    before = column(browser, "method")
    visit(browser, "about:blank")
    visit(browser, shared)
    assert column(browser, "method") == before
    choose(browser, "find", "xyz")  # references alone are no answer
    assert browser.find_element(By.ID, "nothing").is_displayed()
    assert column(browser, "method") == []
    click(browser, "button[type=reset]")
    assert column(browser, "method") == everything
    assert "#" not in browser.current_url


def test_the_switch_shows_all_columns_and_is_in_the_url(site, browser):
    visit(browser, site[0].as_uri())
    heads = "return [...document.querySelectorAll('.card thead')].map((head) => head.rows[0].cells.length)"
    assert browser.execute_script(heads) == [7, 7]
    click(browser, "input[name=columns]")
    assert browser.execute_script(heads) == [13, 12]
    assert "columns=all" in browser.current_url
    click(browser, "button[data-key='dynamics/impulse/error']")
    assert column(browser, "dynamics/impulse/error")[0] == "0.5"
    shared = browser.current_url
    visit(browser, "about:blank")
    visit(browser, shared)
    assert browser.execute_script(heads) == [13, 12]
    assert column(browser, "kind")[0] in ("program", "search")


def test_filters_and_tracks_reach_the_plots(published, browser):
    visit(browser, published[0].as_uri())
    browser.execute_script("document.getElementById('plots').scrollIntoView()")
    wait(browser, "return document.querySelectorAll('[data-plot=shortcut] svg').length > 0")
    assert any(name.startswith("masked_mlp") for name in drawn(browser, "shortcut"))
    choose(browser, "kind", "search")
    browser.execute_script("document.getElementById('plots').scrollIntoView()")
    wait(browser, "return document.querySelectorAll('[data-plot=profile] svg').length > 0")
    names = drawn(browser, "profile")
    assert names
    assert all("grammar" in name for name in names)
    assert not any(name.startswith("masked_mlp") for name in drawn(browser, "shortcut"))
    choose(browser, "kind", "")
    choose(browser, "track", "driven")
    shown = (
        "return [...document.querySelectorAll('.plotted')].filter((p) => p.offsetParent).map((p) => p.dataset.table)"
    )
    tiers = {row.task for board in boards(load_folder(RESULTS)) for row in board.rows if row.track == "driven"}
    assert len(browser.execute_script(shown)) == len(tiers)


def test_names_on_plots_do_not_meet_and_stay_inside_and_lines_differ(published, browser):
    for size in (WIDE, PHONE):
        screen(browser, size)
        visit(browser, published[0].as_uri())
        for number, figure in enumerate(browser.find_elements("css selector", ".plotted figure")):
            browser.execute_script("arguments[0].scrollIntoView()", figure)
            there = f"document.querySelectorAll('.plotted figure')[{number}].querySelector('svg') !== null"
            wait(browser, f"return {there}")  # it is drawn once it comes near
            wait(browser, "return [...document.querySelectorAll('figure')].every((f) => !f.near || !f.stale)")
            boxes, inside, styles = browser.execute_script(
                """const [figure] = arguments, svg = figure.querySelector('svg'), edge = svg.getBoundingClientRect();
                const boxes = [...svg.querySelectorAll('a text')].map((t) => t.getBoundingClientRect());
                const styles = [...svg.querySelectorAll('.curve')].map((c) => getComputedStyle(c))
                  .map((s) => s.stroke + s.strokeDasharray);
                return [boxes.map((b) => [b.left, b.right, b.top, b.bottom]),
                  boxes.every((b) => b.left >= edge.left - 1 && b.right <= edge.right + 1), [...new Set(styles)].length
                  * (figure.dataset.plot === 'profile' ? 2 : 1) === styles.length];""",
                figure,
            )
            assert inside
            assert styles  # two curves that look alike could not be told apart
            for i, (left, right, top, bottom) in enumerate(boxes):
                for other in boxes[:i]:
                    apart = right <= other[0] or other[1] <= left or bottom <= other[2] + 2 or other[3] <= top + 2
                    assert apart, (size, figure.get_attribute("data-plot"))


def test_the_budget_axis_is_chosen_by_keyboard_and_kept(site, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    label = "return [...document.querySelectorAll('[data-plot=anytime] svg')].map((s) => s.getAttribute('aria-label'))"
    visit(browser, site[0].as_uri())
    axis = browser.find_element(By.CSS_SELECTOR, "#axis select")
    browser.execute_script("document.querySelector('[data-plot=anytime]').scrollIntoView()")
    wait(browser, "return document.querySelector('[data-plot=anytime] svg') !== null")
    assert browser.execute_script(label) == ["best validation loss over evaluations"]
    axis.send_keys(Keys.ARROW_DOWN)  # the keyboard chooses the next axis
    wait(
        browser,
        "return document.querySelector('[data-plot=anytime] svg').getAttribute('aria-label').includes('device')",
    )
    assert "axis=device_seconds" in browser.current_url
    search = next(p for p in site if "puct" in p.name)
    visit(browser, search.as_uri() + "#axis=device_seconds")
    panels = [p for p in browser.find_elements(By.CSS_SELECTOR, "[data-axis]") if p.is_displayed()]
    assert [p.get_attribute("data-axis") for p in panels] == ["device_seconds"]


def test_the_theme_and_the_filters_go_along_and_no_request_leaves_the_page(site, browser):
    from selenium.webdriver.common.by import By

    visit(browser, site[0].as_uri())
    background = "return getComputedStyle(document.body).backgroundColor"
    old = browser.execute_script(background)
    browser.find_element(By.ID, "theme").click()
    dark = browser.execute_script(background)
    assert dark != old
    choose(browser, "track", "masked")
    browser.find_element(By.LINK_TEXT, "net").click()
    arrived(browser, "/methods/")
    assert "theme=dark" in browser.current_url
    assert browser.execute_script(background) == dark
    browser.find_element(By.PARTIAL_LINK_TEXT, "all methods").click()
    arrived(browser, "index.html")
    assert "track=masked" in browser.current_url
    assert set(column(browser, "headline/mean")) == {"1", "0.88", "0.78", ""}
    browser.find_element(By.PARTIAL_LINK_TEXT, "all 2").click()
    arrived(browser, "claims.html")
    for page in (p for p in site if p.suffix == ".html"):
        visit(browser, page.as_uri())

    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requests = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert requests
    assert all(request.startswith(("file:", "data:", "about:")) for request in requests)


def test_a_link_within_a_methods_page_leads_to_the_code_and_keeps_the_state(site, browser):
    search = next(p for p in site if "puct" in p.name)
    visit(browser, search.as_uri() + "#theme=dark")
    click(browser, "td a, th a[href^='#program-']")
    assert "#program-" in browser.current_url
    assert browser.execute_script("return document.documentElement.dataset.theme") == "dark"
    assert browser.execute_script("return document.querySelector('.program:target').open")


def test_the_keyboard_reaches_every_control(site, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    visit(browser, site[0].as_uri())
    controls = "a[href], button, input, select, summary"
    shown = [e for e in browser.find_elements(By.CSS_SELECTOR, controls) if e.is_displayed()]
    reached = set()
    for _ in range(len(shown) + 10):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(browser.switch_to.active_element)
    assert {
        e for e in shown if e.get_attribute("tabindex") != "-1" and "skip" not in (e.get_attribute("class") or "")
    } <= reached
    ring = "return getComputedStyle(document.activeElement).outlineStyle"
    assert browser.execute_script(ring) == "solid"  # whoever tabs sees where they are


def test_pages_fit_a_phone(site, published, browser):
    screen(browser, PHONE)
    for page in (*(p for p in site if p.suffix == ".html"), published[0]):
        visit(browser, page.as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE[0], page.name
    seen = browser.execute_script(
        """const box = document.querySelector('.scroll').getBoundingClientRect();
        return [...document.querySelectorAll('.card thead th')].slice(0, 5).map((h) => h.getBoundingClientRect())
          .every((h) => h.left >= box.left && h.right <= box.right + 1 && h.bottom < innerHeight);"""
    )
    assert seen  # rank, method and the three headline scores, on the first screen


def test_the_first_screen_shows_both_tracks_whole_columns_and_no_table_is_cut(published, browser):
    visit(browser, published[0].as_uri())
    cut, below = browser.execute_script(
        """const boxes = [...document.querySelectorAll('.card .scroll')];
        return [boxes.some((s) => s.scrollWidth > s.clientWidth), boxes.slice(0, 2)
          .some((s) => s.querySelectorAll('tbody.methods tr')[5].getBoundingClientRect().bottom > innerHeight)];"""
    )
    assert not cut
    assert not below


def test_the_header_of_a_table_stays_while_its_rows_move(published, browser):
    screen(browser, (1400, 600))
    visit(browser, published[0].as_uri() + "#rows=108")
    moved = browser.execute_script(
        """const box = document.querySelector('.card .scroll'); box.scrollTop = 200;
        const head = box.querySelector('thead th').getBoundingClientRect();
        return [box.scrollTop, Math.round(head.top - box.getBoundingClientRect().top)];"""
    )
    assert moved[0] > 50
    assert moved[1] <= 1


CONTRAST = """
const linear = (v) => v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
const luminance = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
  if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
const written = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
const poor = [];
for (const e of document.querySelectorAll('main *, header *')) {
  if (e.closest('svg, i') || !e.offsetParent || !written(e)) continue;
  const [a, b] = [luminance(parse(getComputedStyle(e).color)), luminance(behind(e))];
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < 4.5) poor.push(`${e.localName}.${e.className} ${e.textContent.trim().slice(0, 30)} ${ratio.toFixed(2)}`);
}
return poor;"""


def test_text_has_contrast_in_both_themes(site, browser):
    search = next(p for p in site if "puct" in p.name)
    for dark in (False, True):
        screen(browser, WIDE, dark)
        for page in (site[0], search, next(p for p in site if p.name == "claims.html")):
            visit(browser, page.as_uri())
            assert browser.execute_script(CONTRAST) == [], (page.name, dark)


def test_tables_can_be_read_without_javascript(site, browser):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    visit(browser, site[0].as_uri())
    rows = [row for row in browser.find_elements("css selector", ".card tbody tr") if row.is_displayed()]
    assert len(rows) == 8
    assert not browser.find_element("id", "filters").is_displayed()
    assert "need JavaScript" in browser.find_element("tag name", "body").text
