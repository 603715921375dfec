"""The page in a real browser, where Debian's chromium and its driver are installed."""

import json
import shutil

import pytest

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


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
    shown = sorted(column(browser, "method"))
    assert shown[:4] == ["last_value", "mask_only", "net", "oracle"]
    assert [name.startswith("puct + grammar (") for name in shown[4:]] == [True]
    choose(browser, "kind", "search")
    assert sorted(column(browser, "method")) == ["mask_only", "oracle", shown[4]]
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
