"""Every baseline that suits a task, over several seeds: the runs of an ad-hoc suite, and their table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tabulate import tabulate

from zfbench.base import plugins
from zfbench.base.errors import ZfbenchError
from zfbench.forecasting.baseline import given_future_drive, missing_packages, suits
from zfbench.leaderboard import columns
from zfbench.leaderboard.board import boards
from zfbench.leaderboard.columns import Column
from zfbench.leaderboard.suite import Job
from zfbench.leaderboard.tables import label, show
from zfbench.records.limits import Limits
from zfbench.records.recordings import TaskSpec
from zfbench.records.result import Result
from zfbench.runs.tasks import load_recordings

_BY_HEADING = {column.heading: column for column in columns.COLUMNS}
COLUMNS = (
    *(_BY_HEADING[heading] for heading in ("ID MAE", "OOD MAE", "ID skill", "OOD skill")),
    Column("ID CRPS", "forecast/id/crps", 4, "lower"),
    *(_BY_HEADING[heading] for heading in ("AP lift", "time s")),
)

LEGEND = (
    "a ± b: mean over seeds with the half-width of its 95 % interval. Future drive: whether the method is given the\n"
    "drive of the horizon; compare only methods that agree in it. ID: training conditions, OOD: the held-out one.\n"
    "Skill: 1 - MAE / MAE of the last value. CRPS: of forecast distributions. AP lift: of the wiring.\n"
    '"-": the method cannot be asked, or failed with a seed.'
)


def suitable(spec: TaskSpec, kinds: Sequence[str] = ("baseline", "control")) -> list[str]:
    """The registered and installed baselines of these kinds that a task shows enough to."""
    names = []
    for name in plugins.names("baseline"):
        factory = plugins.load("baseline", name)
        if suits(factory, spec) and not missing_packages(factory) and factory.kind in kinds:
            names.append(name)
    return names


def jobs(task: str, methods: Sequence[str], seeds: Iterable[int], limits: Limits) -> list[Job]:
    """Every method with every seed; all methods with the first seed come first.

    Args:
        task: its name.
        methods: registered baselines; empty: all that are forecasters and suit the task.
        seeds: of each method.
        limits: of each fit.

    Raises:
        UnknownNameError: a method is not registered.
        ZfbenchError: a method does not suit the task.
    """
    spec = load_recordings(task).spec
    for name in methods:
        if not suits(plugins.load("baseline", name), spec):
            raise ZfbenchError(f"The baseline '{name}' needs more than the task '{task}' shows; choose another track.")
    return [Job(task, name, seed, limits) for seed in seeds for name in methods or suitable(spec)]


def spread_table(results: Sequence[Result], spec: TaskSpec, style: str = "simple") -> str:
    """One row for each method, the best in distribution last, failed ones first.

    Args:
        results: of one task with one set of limits.
        spec: of that task.
        style: a table format of `tabulate`.
    """
    (board,) = boards(results)
    rows = []
    for row in board.rows:
        given = "yes" if given_future_drive(plugins.load("baseline", row.method), spec) else "no"
        error = row.scores.get("forecast/id/mae")
        cells = [label(row), given, row.seeds, *(show(row.scores.get(c.score), c.decimals) for c in COLUMNS)]
        rows.append((float("inf") if error is None else error.estimate, cells))
    rows.sort(key=lambda row: -row[0])
    headings = ["method", "future drive", "seeds", *(c.heading for c in COLUMNS)]
    return tabulate([cells for _, cells in rows], headings, tablefmt=style, disable_numparse=True, stralign="right")
