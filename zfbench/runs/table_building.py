"""The order of the work on a table: all screenings, then further seeds of a sample, then full trainings with a judge.

An interrupted part is continued: what was measured is not measured again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from zfbench.protocols.sandbox import Sandbox
from zfbench.protocols.space import Codes, Space
from zfbench.records.evaluation import Evaluation
from zfbench.runs import table, table_judging
from zfbench.runs.table import UPDATES, Progress, Training
from zfbench.runs.tasks import LoadedTask

SCREENING, REPLICATES, JUDGING = PARTS = ("screening", "replicates", "judging")


def build(
    loaded: LoadedTask,
    space: Space,
    stages: Sequence[int],
    folder: Path,
    *,
    parts: Iterable[str] = PARTS,
    updates: int = UPDATES,
    seconds: float,
    workers: int = 1,
    limit: int | None = None,
    sandbox: Sandbox | None = None,
    progress: Progress = lambda *_: None,
) -> None:
    """Do what is missing of a table.

    Args:
        loaded: the task.
        space: the programs.
        stages: the wanted stages of the space.
        folder: of the table in progress.
        parts: the wanted parts of the work, of `PARTS`; they are done in that order.
        updates: of a screening; screenings of several lengths may lie in one folder.
        seconds: time limit of one training.
        workers: number of trainings at once.
        limit: stop after so many trainings of all kinds; None for no limit.
        sandbox: runs the programs; without one, each part opens the best that works here.
        progress: told at the beginning of each part and after each training.

    Raises:
        ZfbenchError: the folder holds evaluations of another task, space or version; or no part of a stage that is
            to be judged is screened completely, because screening is not wanted or the limit stopped it.
    """
    left = limit

    def spent(before: int, after: int) -> None:
        nonlocal left
        left = None if left is None else left - (after - before)

    wanted = set(parts)

    def screened(number: int) -> dict[Codes, Evaluation]:
        found = table.outcomes(folder, space, table.screenings(space, [number], updates))
        return {training.codes: outcome.evaluation for training, outcome in found.items()}

    lists: dict[str, Callable[[], list[Training]]] = {
        SCREENING: lambda: table.screenings(space, stages, updates),
        REPLICATES: lambda: [
            t for number in stages for t in table_judging.repeats(space, number, screened(number), updates)
        ],
    }
    for part, listed in lists.items():
        if part in wanted and left != 0:
            trainings = listed()
            before = table.present(folder, trainings)
            table.evaluate(
                loaded,
                space,
                trainings,
                folder,
                seconds=seconds,
                workers=workers,
                limit=left,
                sandbox=sandbox,
                progress=_named(part, progress),
            )
            spent(before, table.present(folder, trainings))
    if JUDGING in wanted and left != 0:
        for number in stages:
            programs = table_judging.chosen(space, number, screened(number))
            trainings = [table_judging.in_full(codes) for codes in programs]
            before = table.present(folder, trainings)
            table_judging.judge(
                loaded,
                space,
                programs,
                folder,
                seconds=seconds,
                workers=workers,
                limit=left,
                sandbox=sandbox,
                progress=_named(f"{JUDGING} stage {number}", progress),
            )
            spent(before, table.present(folder, trainings))
            if left == 0:
                break


def _named(part: str, progress: Progress) -> Progress:
    """Return a progress that says which part of the work is under way."""
    return lambda done, total, text: progress(done, total, f"{part} {done} of {total} {text}".rstrip())
