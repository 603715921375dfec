"""Screening fidelity: how well a short training says what a full one would find, by the length of the short one.

The programs are those of a table in progress that were trained in full; they are compared at every length, with the
seed of the searches. Some of them were chosen because a screening liked them, which narrows what that screening can
show; so the correlation is also given for those in a tenth that was drawn by chance. Where several stages of the space
were trained, it is given for each of them too, since over all programs it may be that of the stages.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zfbench.base.errors import ZfbenchError
from zfbench.leaderboard.analyses.landscape import JUDGED, correlation
from zfbench.protocols.space import Codes, Space
from zfbench.runs.table import Outcome, Training, complete, outcomes, screenings, task_of
from zfbench.runs.table_judging import by_chance, in_full, judgements


def in_full_so_far(folder: Path, space: Space) -> list[Codes]:
    """Return the programs of a table in progress that were trained in full, in the order of the space.

    Raises:
        DamagedFileError: an outcome is damaged.
    """
    members = [codes for number in space.stages for codes in space.stage(number)]
    return sorted(training.codes for training in outcomes(folder, space, map(in_full, members)))


def fidelity(folder: Path, space: Space, lengths: Sequence[int]) -> dict[str, Any]:
    """Compare screenings of several lengths with full trainings, in a JSON-compatible form.

    Args:
        folder: of the table in progress.
        space: the programs.
        lengths: numbers of updates.

    Raises:
        ZfbenchError: no program was trained in full, or one of them was not screened at one of the lengths.
        DamagedFileError: an outcome is damaged.
    """
    programs = in_full_so_far(folder, space)
    if not programs:
        raise ZfbenchError(f"No program of {folder} was trained in full; `zfbench table build` does so.")
    screened = {t.codes for n in lengths for t in outcomes(folder, space, screenings(space, space.stages, n))}
    drawn = {
        codes
        for number in space.stages
        if (members := complete(space, number, screened))
        for codes in by_chance(space, number, members)
    }
    full = _losses(outcomes(folder, space, [in_full(codes) for codes in programs]))
    judged = {
        codes: {metric: one.metrics.get(metric, np.nan) for metric in JUDGED}
        for codes, one in judgements(folder, space, programs).items()
    }
    rows = []
    for updates in sorted(lengths):
        short = _losses(outcomes(folder, space, [Training(codes, updates) for codes in programs]))
        if missing := len(programs) - len(short):
            raise ZfbenchError(
                f"{missing} of {len(programs)} programs were not screened with {updates:,} updates; run `zfbench table "
                f"fidelity` with --updates {updates}."
            )
        stages = sorted({codes[-1] for codes in programs})
        winner = min(programs, key=lambda codes, by=short: (by[codes], codes))  # type: ignore[misc]
        rows.append(
            {
                "updates": updates,
                **_relations(short, full, judged, drawn),
                "stages": {
                    space.slots[-1].choices[choice]: _relations(
                        short, {codes: loss for codes, loss in full.items() if codes[-1] == choice}, judged, drawn
                    )
                    for choice in (stages if len(stages) > 1 else ())
                },
                "winner": "".join(map(str, winner)),
                "rank of the winner in full": 1 + sum(loss < full[winner] for loss in full.values()),
                "rank of the best in full": 1
                + sum(loss < short[min(full, key=full.__getitem__)] for loss in short.values()),
            }
        )
    return {
        "task": task_of(folder),
        "space": space.name,
        "programs": len(programs),
        "drawn": len(drawn & set(full)),
        "judged": len(judged),
        "lengths": rows,
    }


def _relations(
    short: Mapping[Codes, float],
    full: Mapping[Codes, float],
    judged: Mapping[Codes, Mapping[str, float]],
    drawn: Collection[Codes],
) -> dict[str, Any]:
    """The rank correlations of a short training with the full one, and with the judge's scores, over some programs.

    Args:
        short: losses of the short training.
        full: losses of the full training of the programs that count.
        judged: the judge's scores by name.
        drawn: the programs that were drawn by chance.
    """
    scores = {codes: judged[codes] for codes in full if codes in judged}
    return {
        "full loss": _json(short, full),
        "full loss, drawn": _json(short, {codes: loss for codes, loss in full.items() if codes in drawn}),
        **{metric: _json(short, {codes: own[metric] for codes, own in scores.items()}) for metric in JUDGED},
    }


def _losses(found: Mapping[Training, Outcome]) -> dict[Codes, float]:
    """The loss of each program; infinite if it failed."""
    losses = {training.codes: outcome.evaluation.loss for training, outcome in found.items()}
    return {codes: np.inf if loss is None else loss for codes, loss in losses.items()}


def _json(short: Mapping[Codes, float], other: Mapping[Codes, float]) -> dict[str, float] | None:
    """The rank correlation over the programs that both have."""
    found = correlation([short[codes] for codes in other], list(other.values()))
    return None if found is None else found.to_json()
