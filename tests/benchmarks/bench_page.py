"""Speed of the page on a large synthetic board: python bench_page.py [METHODS] [SEEDS] [FOLDER]

Methods are copies of the published rows of the track `masked`, each with its scores moved a little: a third are
searches. Prints what the build took, the size of the index, and, where Chromium is installed, how long the browser
needed for the first paint, a filter, an order, more rows, and all columns.
"""

import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from zfbench.leaderboard.board import boards
from zfbench.leaderboard.claims import read_claims
from zfbench.leaderboard.shipped import CLAIMS, RESULTS
from zfbench.leaderboard.site.build import build
from zfbench.leaderboard.verdicts import check
from zfbench.records.reading import load_folder
from zfbench.records.result import Result

TRIES = 3  # of the browser, of which the fastest counts
STEP = """
const done = arguments[arguments.length - 1], start = performance.now();
{action}
document.body.offsetHeight;  // lays the page out
requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
"""
FIND = "f.elements.find.value = '{}'; f.elements.find.dispatchEvent(new Event('input', {{bubbles: true}}));"
ACTIONS = {
    "filter to a tenth": "const f = document.getElementById('filters'); " + FIND.format("7"),
    "filter away": "const f = document.getElementById('filters'); " + FIND.format(""),
    "order by wiring": "document.querySelector(\"button[data-key='headline/wiring']\").click();",
    "100 more rows": "document.querySelector('[data-more]').click();",
    "filter to a tenth, 100 more rows": "const f = document.getElementById('filters'); " + FIND.format("7"),
    "filter away, 100 more rows": "const f = document.getElementById('filters'); " + FIND.format(""),
    "order by responses, 100 more rows": "document.querySelector(\"button[data-key='headline/responses']\").click();",
    "all columns, 100 more rows": "document.querySelector('input[name=columns]').click();",
}


def synthetic(methods: int, seeds: int) -> list[Result]:
    """Results of so many methods, the published controls, and copies of the published runs with other names."""
    rng = np.random.default_rng(0)
    published = [r for r in load_folder(RESULTS) if r.task.name == "zfish-tiny/masked"]
    searches = [r for r in published if r.method.kind == "search"]
    programs = [r for r in published if r.method.name in ("masked_mlp", "masked_leaky_sigmoid")]
    made = [r for r in published if r.method.kind == "control" or r.method.name == "last_value"]
    for method in range(methods):
        pool = searches if method % 3 == 0 else programs
        moved = 1 + 0.2 * rng.standard_normal()
        for seed in range(seeds):
            run = pool[int(rng.integers(len(pool)))]
            scores = {name: value * moved * (1 + 0.02 * rng.standard_normal()) for name, value in run.metrics.items()}
            record = run.method.model_copy(update={"name": f"{pool[0].method.name}_{method}"})
            copy = run.model_copy(update={"method": record, "seed": seed, "metrics": scores})
            made.append(copy.with_pictures(run.pictures))
    return made


def browse(index: Path) -> dict[str, tuple[float, float]]:
    """Milliseconds on the clock, and of the page's main thread, of the first paint and of each action."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument("--window-size=1400,900")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_script_timeout(120)

    def spent() -> float:
        metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        return 1e3 * next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

    try:
        driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        before = spent()
        driver.get(index.as_uri())
        paint = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN"
        found = {"first paint, and until ready": (driver.execute_script(paint), spent() - before)}
        for name, action in ACTIONS.items():
            before = spent()
            clock = driver.execute_async_script(STEP.replace("{action}", action))
            found[name] = clock, spent() - before
        return found
    finally:
        driver.quit()


def main(methods: int, seeds: int, folder: Path) -> None:
    """Print the figures."""
    results = synthetic(methods, seeds)
    start = time.perf_counter()
    found = boards(results)
    sorted_out = time.perf_counter()
    answers = [check(claim, results) for claim in read_claims(CLAIMS)]
    decided = time.perf_counter()
    pages = build(found, folder, answers)
    built = time.perf_counter()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = {path.name: path.stat().st_size / 2**20 for path in pages if path.parent == folder}
    say = sys.stdout.write
    say(f"{methods} methods, {len(results)} results: boards {sorted_out - start:.1f} s, claims ")
    say(f"{decided - sorted_out:.1f} s, {len(pages)} files {built - decided:.1f} s ")
    say(f"({1e3 * (built - decided) / len(pages):.1f} ms each), processor {time.process_time():.1f} s, ")
    say(f"peak {memory:.0f} MiB\n")
    say(", ".join(f"{name} {size[name]:.2f} MiB" for name in ("index.html", "numbers.js")))
    say(f", all {sum(path.stat().st_size for path in pages) / 2**20:.0f} MiB\n")
    if shutil.which("chromium") and shutil.which("chromedriver"):
        tries = [browse(pages[0]) for _ in range(TRIES)]
        for name in tries[0]:
            clock, thread = (min(found[name][i] for found in tries) for i in range(2))
            say(f"{name}: {clock:.0f} ms on the clock, {thread:.0f} ms of the main thread\n")


if __name__ == "__main__":
    given = sys.argv[1:]
    with tempfile.TemporaryDirectory() as temporary:
        sizes = [int(argument) for argument in given[:2]]
        main(*sizes, *(2_000, 5)[len(sizes) :], Path(given[2]) if len(given) > 2 else Path(temporary))
