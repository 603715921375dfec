"""The demo: baselines, reference programs and a short search on the tiny tier, judged and put in one table.

Every row is a result file; a second run uses the files that fit (same data, versions, limits and seed).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock

from zfbench import __version__
from zfbench.base.errors import DamagedFileError
from zfbench.cli.console import Bar
from zfbench.forecasting.task import Task
from zfbench.leaderboard.load import load
from zfbench.leaderboard.pictures import draw_connectivity, draw_scatter, draw_traces
from zfbench.leaderboard.suite import Job, is_current
from zfbench.protocols.task import TaskJudge
from zfbench.records.limits import Limits
from zfbench.records.result import Result
from zfbench.runs.judge import assess_baseline
from zfbench.runs.plan import RESULT, Plan
from zfbench.runs.search import search
from zfbench.runs.tasks import load_judge, load_recordings
from zfbench.search.budget import Budget

SEED = 0
LIMITS = Limits(updates=2_000, seconds=240)
SEARCH_BUDGET = Budget(evaluations=8, updates=400)

DRIVEN, MASKED, AUTONOMOUS = "zfish-tiny/driven", "zfish-tiny/masked", "zfish-tiny/autonomous"
SEARCHED = "random_search"


@dataclass(frozen=True)
class Row:
    """One line of the demo's table: a registered baseline, or the search."""

    task: str
    method: str

    @property
    def file(self) -> str:
        """Where its result lies below the demo's folder."""
        return f"results/{self.task.replace('/', '-')}__{self.method}__seed{SEED}.json"


# The long jobs first, so that two workers end together; a table sorts itself.
ROWS = (
    Row(MASKED, SEARCHED),
    Row(DRIVEN, "driven_gru"),
    Row(DRIVEN, "driven_mlp_mirrored"),
    Row(DRIVEN, "driven_mlp"),
    Row(MASKED, "masked_mlp"),
    Row(MASKED, "masked_leaky_sigmoid"),
    Row(DRIVEN, "linear"),
    Row(AUTONOMOUS, "mean"),
    Row(AUTONOMOUS, "last_value"),
    Row(AUTONOMOUS, "oracle"),
    Row(DRIVEN, "no_effect"),
    Row(DRIVEN, "oracle"),
    Row(MASKED, "mask_only"),
)


class Demo:
    """The demo's jobs; every method may be called from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = Lock()
        self._task = lru_cache(load_recordings)
        self._judge = lru_cache(load_judge)

    def run(self, add_bar: Callable[[str], Bar], workers: int) -> list[Result]:
        """All rows, `workers` at a time."""
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(lambda row: self.row(row, add_bar), ROWS))

    def row(self, row: Row, add_bar: Callable[[str], Bar]) -> Result:
        """One row, from its file if that fits, else measured and written."""
        path = self.folder / row.file
        task, judge = self._load(row.task)
        bar = add_bar(f"{row.task.split('/')[1]:>10}  {row.method}")
        known = _fitting(path, task, row)
        if known is not None:
            bar.finish("already measured")
            return known
        if row.method == SEARCHED:
            result = self._search(row, bar)
        else:
            result = assess_baseline(row.method, task, judge, SEED, LIMITS, bar.stage)
        result.write(path)
        bar.finish("done" if result.status == "ok" else result.status)
        return result

    def draw(self, results: list[Result]) -> list[Path]:
        """The three pictures; returns their paths."""
        by_name = {r.method.name: r for r in results if r.status == "ok"}
        truth = next(r for r in results if r.method.name == "oracle" and r.task.track == "driven")
        shown = [by_name[n] for n in ("driven_mlp", "masked_mlp", SEARCHED) if n in by_name]
        neurons = load_recordings(DRIVEN).spec.neurons
        paths = [self.folder / name for name in ("traces.png", "connectivity.png", "id_vs_ood.png")]
        draw_traces(truth, shown, paths[0])
        draw_connectivity(truth, shown, neurons, paths[1])
        draw_scatter(results, paths[2])
        return paths

    def _load(self, name: str) -> tuple[Task, TaskJudge]:
        with self._lock:  # build the data once
            return self._task(name), self._judge(name)

    def _search(self, row: Row, bar: Bar) -> Result:
        plan = Plan(row.task, SEARCHED, "grammar", SEARCH_BUDGET, SEED, LIMITS, finalists=0)
        folder = self.folder / "search"
        outcome, result = search(plan, folder, 1, bar.search_events(SEARCH_BUDGET), bar.stage)
        if result is None:
            raise RuntimeError(f"all {outcome.counts.evaluated} programs of the search failed; see {folder}")
        (folder / RESULT).unlink()  # it goes where the other rows are
        return result


def _fitting(path: Path, task: Task, row: Row) -> Result | None:
    """The result at `path` if it is what measuring again would give."""
    if not path.exists():
        return None
    try:
        known = load(path)
    except DamagedFileError:
        return None
    budget = SEARCH_BUDGET if row.method == SEARCHED else None
    job = Job(row.task, row.method, SEED, LIMITS, budget=budget)
    return known if is_current(known, task, job) and known.libraries.get("zfbench") == __version__ else None
