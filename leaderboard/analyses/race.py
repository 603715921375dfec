"""A race of discoverers on a table: many seeds of each, in seconds, against an optimum that is known.

Every search runs through the loop of live searches with the proposer `table`; only its event log is kept in memory and
its evaluations are looked up. One search of the largest budget gives the outcome at every smaller one, because no
discoverer knows its budget. There are no finals. A method that could end a search by itself is given a limit that it
does not reach, so that the budget ends every search that does not stall.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.table.proposer import TableProposer
from zfbench.leaderboard.statistics import Interval, holm, mean_interval, one_sample_p
from zfbench.protocols.discoverer import DiscovererFactory
from zfbench.records.limits import Limits
from zfbench.records.program import ProgramId
from zfbench.runs.methods import make, seed_program
from zfbench.runs.tasks import LoadedTask, find_task
from zfbench.search.budget import Budget
from zfbench.search.eventlog import MemoryLog
from zfbench.search.loop import run_search
from zfbench.tasks.zfish_table.table import Table
from zfbench.tasks.zfish_table.task import TableSpec

BUDGETS = (50, 150, 500)
ENDLESS: Mapping[str, Mapping[str, Any]] = {  # settings with which the budget ends a search, and not the method
    "puct": {"nodes": 10_000},
    "puct_plus": {"nodes": 10_000},
    "modelsmc": {"generations": 10_000},
    "n1": {"generations": 10_000},
}
METHODS = ("puct", "puct_plus", "modelsmc", "funsearch", "best_of_n", "random_walk", "uniform_draws")
MEASURES = ("regret", "rank", "optimum", "truth", "area", "depth")
GUARD = (
    "A race with several workers starts processes that import the script which calls it, so put that call below "
    '`if __name__ == "__main__":`, or give the race one worker.'
)
BLOCK = 10  # seeds that a process searches at a time

Progress = Callable[[int, int, str], None]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Entrant:
    """A method that takes part.

    Attributes:
        name: name in the race; without a factory, that of a registered discoverer.
        settings: settings of the discoverer.
        factory: maker of the discoverer, if it is not registered under the name.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    factory: DiscovererFactory | None = None


def entrant(name: str) -> Entrant:
    """Return a registered discoverer with its default settings, but for those that would end its searches."""
    return Entrant(name, ENDLESS.get(name, {}))


@dataclass(frozen=True)
class Difference:
    """One method against another at one budget, over paired seeds.

    Attributes:
        one: name of a method.
        other: name of the other.
        budget: number of evaluations.
        regret: mean of the regret of `one` minus that of `other`, with its interval; below 0, `one` is better.
        p: Student's test that the mean is zero, two-sided.
        significant: True if it is, after Holm's correction over all pairs of the race at this budget.
    """

    one: str
    other: str
    budget: int
    regret: Interval
    p: float
    significant: bool


@dataclass(frozen=True, eq=False)
class Race:
    """The outcome of a race.

    Attributes:
        task: name of the task.
        table_sha256: hash of its table.
        programs: number of programs of the table.
        seeds: the seeds of every method.
        budgets: numbers of evaluations, ascending.
        settings: settings of each method.
        values: for each method and measure, an array [seeds, budgets]. The measures are `regret`, the lowest loss found
            minus the lowest of the table; `rank`, the place of the best program found among all, from 1; `optimum` and
            `truth`, 1 if the search evaluated that program, or one of those that can be the truth, else 0; `area`, the
            mean regret over all evaluations up to the budget; `depth`, the number of proposals in a row, each made from
            the one before, that led from the start to the best program found. A proposal may change several slots.
    """

    task: str
    table_sha256: str
    programs: int
    seeds: tuple[int, ...]
    budgets: tuple[int, ...]
    settings: Mapping[str, Mapping[str, Any]]
    values: Mapping[str, Mapping[str, Array]]

    @property
    def methods(self) -> tuple[str, ...]:
        """The names of the methods."""
        return tuple(self.values)

    def mean(self, method: str, measure: str, budget: int) -> Interval:
        """Return the mean of a measure over seeds, with its interval.

        Args:
            method: name of a method.
            measure: one of `MEASURES`.
            budget: one of the race's budgets.
        """
        return mean_interval(self.values[method][measure][:, self.budgets.index(budget)])

    def differences(self, budget: int) -> list[Difference]:
        """Return every pair of methods at a budget, tested together."""
        column = self.budgets.index(budget)
        pairs = list(combinations(self.methods, 2))
        gaps = [self.values[a]["regret"][:, column] - self.values[b]["regret"][:, column] for a, b in pairs]
        p = one_sample_p(np.stack(gaps)) if gaps and len(self.seeds) > 1 else np.ones(len(pairs))
        found = zip(pairs, gaps, p, holm(p), strict=True)
        return [
            Difference(a, b, budget, mean_interval(gap), float(chance), bool(passed))
            for (a, b), gap, chance, passed in found
        ]

    def difference(self, one: str, other: str, budget: int) -> Difference:
        """Return one pair of the race.

        Args:
            one: name of a method.
            other: name of another.
            budget: one of the race's budgets.

        Raises:
            ZfbenchError: the race has no such pair.
        """
        for d in self.differences(budget):
            if (d.one, d.other) == (one, other):
                return d
            if (d.other, d.one) == (one, other):
                turned = Interval(-d.regret.estimate, -d.regret.high, -d.regret.low, d.regret.n)
                return Difference(one, other, budget, turned, d.p, d.significant)
        raise ZfbenchError(f"The race has no pair {one} and {other}; its methods are {', '.join(self.methods)}.")

    def to_json(self) -> dict[str, Any]:
        """Return means, intervals and all pairs in a JSON-compatible form."""
        methods = {
            name: {
                "settings": dict(self.settings[name]),
                "budgets": {
                    str(budget): {measure: _shown(self.mean(name, measure, budget)) for measure in MEASURES}
                    for budget in self.budgets
                },
            }
            for name in self.methods
        }
        pairs = [
            {
                "one": d.one,
                "other": d.other,
                "budget": budget,
                "regret": _shown(d.regret),
                "p": float(f"{d.p:.3g}"),
                "significant": d.significant,
            }
            for budget in self.budgets
            for d in self.differences(budget)
        ]
        return {
            "task": self.task,
            "table_sha256": self.table_sha256,
            "programs": self.programs,
            "seeds": [min(self.seeds), max(self.seeds)],
            "budgets": list(self.budgets),
            "methods": methods,
            "pairs": pairs,
        }


def race(
    task: str | LoadedTask,
    entrants: Sequence[Entrant | str],
    seeds: Iterable[int],
    budgets: Sequence[int] = (),
    workers: int = 1,
    progress: Progress = lambda *_: None,
) -> Race:
    """Run a search for each method and seed.

    Args:
        task: a task on a table, or its name.
        entrants: the methods; a name stands for the registered discoverer with its default settings.
        seeds: seeds of each method; equal seeds give equal races.
        budgets: numbers of evaluations; by default those of `BUDGETS` up to half of the programs.
        workers: number of processes; with one, this process. With several, factories must be functions or classes of a
            module.
        progress: told after each block of seeds how many searches have ended, of how many, and of which method.

    Raises:
        ZfbenchError: the task is not on a table, a method is named twice, there are no seeds, or a budget is not
            between 1 and the number of programs.
    """
    loaded = find_task(task) if isinstance(task, str) else task
    spec = loaded.task.spec
    if not isinstance(spec, TableSpec):
        raise ZfbenchError(f"'{spec.name}' is not on a table; race on a task such as zfish-table/masked.")
    methods = [entrant(e) if isinstance(e, str) else e for e in entrants]
    half = len(spec.table.codes) // 2
    usual = [budget for budget in BUDGETS if budget <= half] or [half]
    every, limits = tuple(seeds), tuple(sorted(set(budgets or usual)))
    if len({m.name for m in methods}) < len(methods):
        raise ZfbenchError("Two methods of the race have the same name; give one of them another.")
    if not every or not methods:
        raise ZfbenchError("A race needs at least one seed and one method.")
    if not limits or limits[0] < 1 or limits[-1] > len(spec.table.codes):
        raise ZfbenchError(
            f"Budgets of a race on '{spec.name}' are whole numbers from 1 to {len(spec.table.codes)}, the number of "
            "its programs."
        )
    blocks = [(m, every[k : k + BLOCK], limits) for m in methods for k in range(0, len(every), BLOCK)]
    rows: dict[str, list[Array]] = {m.name: [] for m in methods}
    done, total = 0, len(methods) * len(every)
    for (method, some, _), found in zip(blocks, _run(loaded, blocks, workers), strict=True):
        rows[method.name] += found
        done += len(some)
        progress(done, total, f"{method.name}: {done} of {total} searches")
    stacked = {name: np.stack(found) for name, found in rows.items()}  # [seeds, measures, budgets]
    return Race(
        spec.name,
        spec.table.sha256,
        len(spec.table.codes),
        every,
        limits,
        {m.name: dict(m.settings) for m in methods},
        {name: {m: array[:, k] for k, m in enumerate(MEASURES)} for name, array in stacked.items()},
    )


Block = tuple[Entrant, tuple[int, ...], tuple[int, ...]]

_loaded: LoadedTask | None = None  # of a process of the race, which reads the table once


def _run(loaded: LoadedTask, blocks: Sequence[Block], workers: int) -> Iterable[list[Array]]:
    """Yield the searches of each block, in order."""
    if workers == 1:
        yield from (_searches(loaded, block) for block in blocks)
        return
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # as multiprocessing itself asks
        sys.exit(1)  # a process of the race that still imports its script, which is not guarded; the race says so
    afresh = LoadedTask(loaded.name, loaded.family)  # without what was loaded
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(afresh,)) as pool:
        try:
            yield from pool.map(_in_process, blocks)
        except BrokenProcessPool as error:
            raise ZfbenchError(
                f"A process of the race ended early, perhaps for lack of memory; use fewer workers. {GUARD}"
            ) from error


def _begin(loaded: LoadedTask) -> None:
    global _loaded
    _loaded = loaded


def _in_process(block: Block) -> list[Array]:
    assert _loaded is not None
    return _searches(_loaded, block)


def _searches(loaded: LoadedTask, block: Block) -> list[Array]:
    """Return the measures of each seed of a block: [measures, budgets] each."""
    method, seeds, budgets = block
    return [_search(loaded, method, seed, budgets) for seed in seeds]


def _search(loaded: LoadedTask, method: Entrant, seed: int, budgets: tuple[int, ...]) -> Array:
    task, spec = loaded.task, loaded.task.spec
    assert isinstance(spec, TableSpec)
    root = seed_program(task)
    outcome = run_search(
        make("discoverer", method.name, method.settings, seed, root, factory=method.factory),
        TableProposer(spec),
        loaded.family.evaluator(task, Limits(), None),
        spec=spec,
        seed_program=root,
        budget=Budget(evaluations=budgets[-1]),
        log=MemoryLog(),
        seed=seed,
    )
    places, depths = [], []
    depth: dict[ProgramId, int] = {}
    for scored in outcome.evaluated:
        program = scored.program
        depth[program.id] = 1 + depth[program.parents[-1]] if program.parents else 0
        place = spec.table.place.get(program.id)
        if place is not None:
            places.append(place)
            depths.append(depth[program.id])
    return _measures(spec.table, places, depths, budgets)


def _measures(table: Table, places: Sequence[int], depths: Sequence[int], budgets: Sequence[int]) -> Array:
    """Return the measures of one search at each budget: [measures, budgets].

    Args:
        table: the table.
        places: places of the evaluated programs in it, in order.
        depths: number of proposals that led to each.
        budgets: numbers of evaluations; a search that ended earlier keeps what it had.
    """
    losses, sorted_losses = table.losses, np.sort(table.losses)
    targets = [{table.number[table.optimum]}, {table.number[codes] for codes in table.truths}]
    best = np.minimum.accumulate(losses[list(places)])
    ceiling = sorted_losses[np.isfinite(sorted_losses)][-1]  # what a search has that found nothing that works
    regrets = np.minimum(best, ceiling) - sorted_losses[0]
    columns = []
    for budget in budgets:
        until = min(budget, len(places))
        winner = int(np.argmin(losses[list(places[:until])]))
        area = (regrets[:until].sum() + (budget - until) * regrets[until - 1]) / budget
        rank = 1 + int(np.searchsorted(sorted_losses, best[until - 1]))
        found = [float(not target.isdisjoint(places[:until])) for target in targets]
        columns.append([regrets[until - 1], rank, *found, area, depths[winner]])
    return np.array(columns, np.float64).T


def _shown(interval: Interval) -> dict[str, float | None]:
    """An interval with four significant digits; a bound is None where one seed gives none."""
    bounds = {"mean": interval.estimate, "low": interval.low, "high": interval.high}
    return {name: float(f"{value:.4g}") if np.isfinite(value) else None for name, value in bounds.items()}
