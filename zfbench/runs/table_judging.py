"""Trainings of a table beyond its screenings: how much these differ by chance, and what they promise once judged.

A seeded sample of every stage is screened again with other seeds. The best tenth of a stage and a seeded tenth of it
are trained in full, once, with the seed of the finals; the same fitted program is then judged. The loss on the
validation data is kept with the other evaluations, and what the judge says in a folder of its own. Of a stage that is
measured in part, its complete parts are sampled and judged.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.base.numerics import fixed
from zfbench.protocols.sandbox import Sandbox
from zfbench.protocols.space import ORDER, Codes, Space
from zfbench.records.evaluation import Evaluation
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Program, Status
from zfbench.records.scores import Scores
from zfbench.records.spend import Spend
from zfbench.runs.table import UPDATES, Measured, Measurement, Training, complete
from zfbench.search.replicates import FINALS

JUDGED = "judged"  # the folder of what the judge says
REPEATED = 64  # programs of a stage that are screened again
REPLICATES = (2, 3)  # of these screenings; 0 is the table's own, and 1 is the finals'
SHARE = 10  # one program of so many is judged for its rank, and as many again by chance
JUDGE_SEED = 0  # of what the judge draws, as `zfbench judge` has it


@dataclass(frozen=True)
class Judged:
    """The judgement of one program.

    Attributes:
        program: id of the program.
        status: `ok`, or why it has no scores.
        metrics: all scores by name.
        notes: sentences on scores that are missing.
    """

    program: str
    status: str
    metrics: Mapping[str, float]
    notes: tuple[str, ...] = ()


def repeats(space: Space, stage: int, screened: Container[Codes], updates: int = UPDATES) -> list[Training]:
    """Return the further screenings of a seeded sample of a stage's complete parts, both of a program together.

    Args:
        space: the programs.
        stage: number of the stage.
        screened: the programs that were screened.
        updates: of a screening.
    """
    sample = _drawn(space, stage, 0, complete(space, stage, screened), REPEATED)
    return [Training(codes, updates, replicate) for codes in sample for replicate in REPLICATES]


def in_full(codes: Codes) -> Training:
    """Return the full training of a program, with the seed of the finals."""
    return Training(codes, updates=Limits().updates, replicate=FINALS)


def chosen(space: Space, stage: int, screened: Mapping[Codes, Evaluation]) -> list[Codes]:
    """Return the programs of a stage's complete parts that are trained in full: first those that can be the truth.

    Then programs from the best tenth and from a seeded tenth take turns, so that a stopped measurement has both.

    Args:
        space: the programs.
        stage: number of a stage.
        screened: the screenings so far.

    Raises:
        ZfbenchError: no part of the stage was screened to the last program.
    """
    members = complete(space, stage, screened)
    if not members:
        raise ZfbenchError(
            f"No part of stage {stage} is screened completely yet; run `zfbench table build` with "
            "`--part screening` first."
        )
    losses = {codes: loss for codes in members if (loss := screened[codes].loss) is not None}
    best = sorted(losses, key=lambda codes: (losses[codes], codes))
    count = max(1, len(members) // SHARE)
    drawn = by_chance(space, stage, members)
    turns = [codes for pair in zip(best[:count], drawn[: len(best)], strict=False) for codes in pair]
    first = [codes for codes in ((*truth[:-1], stage - 1) for truth in space.truths) if codes in members]
    return list(dict.fromkeys([*first, *turns, *best[:count], *drawn]))


def by_chance(space: Space, stage: int, members: Sequence[Codes]) -> list[Codes]:
    """Return the seeded tenth of some programs of a stage, which is trained in full whatever its screenings are.

    Args:
        space: the programs.
        stage: number of the stage.
        members: the programs of the stage that may be drawn.
    """
    return _drawn(space, stage, 1, members, max(1, len(members) // SHARE))


def judge(work: Measurement, programs: Sequence[Codes], limit: int | None = None) -> int:
    """Train in full and judge what the folder does not hold yet; return how many programs that were.

    Args:
        work: the measurement.
        programs: what is wanted, in the order of measurement.
        limit: stop after so many programs; None for no limit.

    Raises:
        ZfbenchError: the folder holds evaluations of another task, space or version.
    """

    def prepare(box: Sandbox, missing: list[Training]) -> Callable[[Training], Measured]:  # noqa: ARG001
        _ = work.loaded.task, work.loaded.judge  # build the data once, before the threads

        def measured(training: Training) -> Measured:
            evaluation, scores, status = _judged(work, training, box)
            judgement = {
                "judge_seed": JUDGE_SEED,
                "status": str(status),
                "metrics": scores.metrics,
                "metric_versions": scores.metric_versions,
                "notes": scores.notes,
            }
            return evaluation, {JUDGED: judgement}

        return measured

    return work.carry_out([in_full(codes) for codes in programs], prepare, limit, (JUDGED,))


def judgements(folder: Path, space: Space, programs: Sequence[Codes]) -> dict[Codes, Judged]:
    """Return what the judge said of some programs; those that were not judged are left out.

    Args:
        folder: of the table in progress.
        space: the programs.
        programs: what is wanted.

    Raises:
        DamagedFileError: a file holds no judgement, or one of another program.
    """
    found = {}
    for codes in programs:
        path = folder / JUDGED / in_full(codes).file
        if not path.exists():
            continue
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            judged = Judged(content["program"], content["status"], content["metrics"], tuple(content["notes"]))
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedFileError(f"{path} holds no judgement ({error}); remove it, and it is made again.") from error
        if judged.program != Program(space.source(codes)).id:
            raise DamagedFileError(f"{path} is of another program; remove it, and it is judged again.")
        found[codes] = judged
    return found


def metric_versions(folder: Path, programs: Sequence[Codes]) -> dict[str, int]:
    """Return the version of each family of scores in what the judge said of some programs.

    Raises:
        ZfbenchError: two programs were judged by different versions.
    """
    versions: dict[str, int] = {}
    for path in (folder / JUDGED / in_full(codes).file for codes in programs):
        if path.exists():
            for family, version in json.loads(path.read_text(encoding="utf-8"))["metric_versions"].items():
                if versions.setdefault(family, version) != version:
                    raise ZfbenchError(f"{path} has scores of another version than the others; remove it.")
    return versions


@fixed()
def _judged(work: Measurement, training: Training, sandbox: Sandbox) -> tuple[Evaluation, Scores, Status]:
    """Return the evaluation on the validation data, and the scores with their status, of one training."""
    family, task = work.loaded.family, work.loaded.task
    began = time.monotonic()
    model = family.candidate(task, work.space.source(training.codes), work.seed(training), sandbox)
    try:
        try:
            family.fit(task, model, work.limits(training))
            loss = family.selection_loss(task, model)
        except CandidateError as error:
            evaluation = Evaluation(error.status, feedback=error.message)
            return evaluation, Scores(notes=[str(error)]), error.status
        updates = 0 if model.report is None else model.report.updates
        spend = Spend(evaluations=1, updates=updates, device_seconds=time.monotonic() - began)
        if loss is None:
            evaluation = Evaluation(Status.NON_FINITE, feedback="The forecasts are not finite.", spend=spend)
        else:
            evaluation = Evaluation(Status.OK, loss, spend=spend)
        try:
            return evaluation, work.loaded.judge.score(model, lambda _: None, JUDGE_SEED), Status.OK
        except CandidateError as error:
            return evaluation, Scores(notes=[str(error)]), error.status
    finally:
        model.close()


def _drawn(space: Space, stage: int, purpose: int, members: Sequence[Codes], count: int) -> list[Codes]:
    """Draw so many of some programs of a stage, each once, in an order that is random but fixed for the whole stage."""
    everything, some = space.stage(stage), set(members)
    order = np.random.default_rng((ORDER, stage, purpose)).permutation(len(everything))
    return [everything[k] for k in order if everything[k] in some][:count]
