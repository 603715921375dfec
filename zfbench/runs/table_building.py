"""The order of the work on a table: all screenings, then further seeds of a sample, then full trainings with a judge.

An interrupted part is continued: what was measured is not measured again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from zfbench.protocols.space import Codes
from zfbench.records.evaluation import Evaluation
from zfbench.runs import table, table_judging
from zfbench.runs.table import UPDATES, Measurement, Training

SCREENING, REPLICATES, JUDGING = PARTS = ("screening", "replicates", "judging")


def build(
    work: Measurement,
    stages: Sequence[int],
    parts: Iterable[str] = PARTS,
    limit: int | None = None,
    updates: int = UPDATES,
    choices: Collection[int] = (),
) -> None:
    """Do what is missing of a table.

    Args:
        work: the measurement.
        stages: the wanted stages of the space.
        parts: the wanted parts of the work, of `PARTS`; they are done in that order.
        limit: stop after so many trainings of all kinds; None for no limit.
        updates: of a screening; screenings of several lengths may lie in one folder.
        choices: the wanted parts of a stage, by their choice of the last slot but one; none for all.

    Raises:
        ZfbenchError: the folder holds evaluations of another task, space or version; or no part of a stage that is
            to be judged is screened completely, because screening is not wanted or the limit stopped it.
    """
    space, wanted, left = work.space, set(parts), limit

    def screened(number: int) -> dict[Codes, Evaluation]:
        found = table.outcomes(work.folder, space, table.screenings(space, [number], updates, choices))
        return {training.codes: outcome.evaluation for training, outcome in found.items()}

    lists: dict[str, Callable[[], list[Training]]] = {
        SCREENING: lambda: table.screenings(space, stages, updates, choices),
        REPLICATES: lambda: [
            t for number in stages for t in table_judging.repeats(space, number, screened(number), updates)
        ],
    }
    for part, listed in lists.items():
        if part in wanted and left != 0:
            done = table.evaluate(_named(part, work), listed(), left)
            left = None if left is None else left - done
    for number in stages if JUDGING in wanted else ():
        if left != 0:
            programs = table_judging.chosen(space, number, screened(number))
            done = table_judging.judge(_named(f"{JUDGING} stage {number}", work), programs, left)
            left = None if left is None else left - done


def _named(part: str, work: Measurement) -> Measurement:
    """Return the measurement with a progress that says which part of the work is under way."""
    return replace(work, progress=lambda k, n, text: work.progress(k, n, f"{part} {k} of {n} {text}".rstrip()))
