"""The best programs of a finished run, each trained in full and judged: what a search found beside its winner.

A winner is one draw from what a search believes in. The population shows whether what the search ranks high is what
the judge ranks high. Every judgement is a file in the folder of the run, so an interrupted command is continued.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.sandbox import Sandbox
from zfbench.records.evaluation import Scored
from zfbench.records.reading import JUDGED, load
from zfbench.records.result import BENCHMARK_VERSION, MethodRecord, Result
from zfbench.runs.judge import judge_program
from zfbench.runs.methods import make_proposer
from zfbench.runs.parallel import each
from zfbench.runs.plan import EXTERNAL, Plan, events
from zfbench.runs.replay import replay
from zfbench.runs.tasks import LoadedTask, find_task
from zfbench.sandbox.choose import check_trust
from zfbench.scoring import outdated

SCORES = ("headline/generalisation", "headline/wiring", "headline/responses", "headline/mean")
LEAST = 5  # programs below which a correlation is not shown
Progress = Callable[[int, int, str], None]  # programs judged, of how many, and the latest one


@dataclass(frozen=True)
class Judged:
    """One program of a run.

    Attributes:
        rank: by the loss that the search saw, from 1.
        loss: that loss.
        result: what the judge says after a full training.
    """

    rank: int
    loss: float
    result: Result


def judge_best(
    folder: Path,
    count: int,
    sandbox: Sandbox,
    *,
    workers: int = 1,
    allow_unsafe: bool = False,
    progress: Progress = lambda *_: None,
) -> list[Judged]:
    """Train the best programs of a run in full, judge them, and keep each result in the folder of the run.

    All are trained with the seed and the limits with which the winner was trained.

    Args:
        folder: of the run.
        count: number of programs, the best first; fewer if fewer worked.
        sandbox: runs the programs.
        workers: number of trainings at once.
        allow_unsafe: run programs of a proposer that is not trusted also in a sandbox that does not confine them.
        progress: told at the beginning and after each program.

    Raises:
        ZfbenchError: there is no run, none of its programs worked, its programs must not run in this sandbox, or the
            data of its task have changed since the search.
        DamagedFileError: the event log or a result is damaged.
    """
    plan = Plan.read(folder)
    loaded = find_task(plan.task)
    _refuse_other_data(folder, loaded)
    if not sandbox.confined:
        trusted = plan.proposer != EXTERNAL and make_proposer(plan, loaded.task.spec).trusted
        check_trust(sandbox, plan.writer, trusted, allow_unsafe)
    best = replay(folder).top(count)
    if not best:
        raise ZfbenchError(f"No program of {folder} worked, so there is nothing to judge.")
    missing = [scored for scored in best if not _is_judged(_file(folder, scored), loaded)]
    done = len(best) - len(missing)
    progress(done, len(best), "")

    def judge(scored: Scored) -> None:
        nonlocal done
        program = scored.program
        method = MethodRecord(name=f"program {program.id[:12]}", kind="program")
        result = judge_program(program.source, method, loaded, plan.seed, plan.limits, sandbox=sandbox)
        result.write(_file(folder, scored))
        done += 1
        progress(done, len(best), f"{program.id[:12]}: {result.status}")

    each(judge, missing, workers)
    found = []
    for rank, scored in enumerate(best, 1):
        assert scored.evaluation.loss is not None  # it worked
        found.append(Judged(rank, scored.evaluation.loss, load(_file(folder, scored))))
    return found


def _refuse_other_data(folder: Path, loaded: LoadedTask) -> None:
    """Losses on other data are not those that these judgements are compared with."""
    searched = events(folder)[0].body["data_sha256"]
    if searched != loaded.task.data_sha256:
        raise ZfbenchError(
            f"The data of {loaded.task.spec.name} have changed since the search in {folder}; search again, or install "
            "the version of the task that it was made with."
        )


def _is_judged(path: Path, loaded: LoadedTask) -> bool:
    """Whether a file holds a judgement on the present data by the present scores; another one is made again."""
    if not path.exists():
        return False
    known = load(path)
    of_these_data = known.task.data_sha256 == loaded.task.data_sha256
    return of_these_data and known.benchmark_version == BENCHMARK_VERSION and not outdated(known.metric_versions)


def quartiles(judged: Sequence[Judged]) -> dict[str, dict[str, Any]]:
    """Return lower quartile, median and upper quartile of each headline score, and what the first program has.

    A program whose training failed, or that has no such score, is left out and counted.

    Args:
        judged: programs of a run, the best first.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in SCORES:
        values = [one.result.metrics[name] for one in judged if name in one.result.metrics]
        if not values:
            continue
        low, median, high = (float(v) for v in np.quantile(values, (0.25, 0.5, 0.75)))
        found[name] = {
            "lower quartile": low,
            "median": median,
            "upper quartile": high,
            "first": judged[0].result.metrics.get(name),
            "programs": len(values),
        }
    return found


def seen_by_search(judged: Sequence[Judged]) -> dict[str, float | None]:
    """Return the rank correlation (Spearman) of the loss that the search saw with each headline score.

    None where fewer than `LEAST` programs have the score, or all have the same.

    Args:
        judged: programs of a run.
    """
    found: dict[str, float | None] = {}
    for name in SCORES:
        pairs = [(one.loss, one.result.metrics[name]) for one in judged if name in one.result.metrics]
        losses, scores = ([pair[k] for pair in pairs] for k in (0, 1))
        varied = len(set(losses)) > 1 and len(set(scores)) > 1
        found[name] = float(stats.spearmanr(losses, scores).statistic) if len(pairs) >= LEAST and varied else None
    return found


def _file(folder: Path, scored: Scored) -> Path:
    return folder / JUDGED / f"{scored.program.id[:24]}.json"
