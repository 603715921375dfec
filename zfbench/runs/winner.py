"""The end of a search: its winner is trained again, judged once, and recorded together with the search."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zfbench.base.errors import DamagedFileError
from zfbench.base.files import sha256, write_text
from zfbench.protocols.proposer import Proposer
from zfbench.protocols.sandbox import Sandbox
from zfbench.records.evaluation import Generation, Scored
from zfbench.records.program import ProgramId
from zfbench.records.reading import load
from zfbench.records.result import BENCHMARK_VERSION, NOTHING_FOUND, Evaluated, MethodRecord, ProgramRecord, Result
from zfbench.records.scores import Scores
from zfbench.runs.judge import Progress, judge_program, unscored
from zfbench.runs.methods import seed_program
from zfbench.runs.plan import BEST, RESULT, Plan
from zfbench.runs.replay import altered, check, progress_of, spend_of, winner_of
from zfbench.runs.tasks import LoadedTask
from zfbench.search import finals
from zfbench.search.eventlog import EventLog
from zfbench.search.outcome import SearchOutcome


def judge_winner(
    plan: Plan,
    loaded: LoadedTask,
    outcome: SearchOutcome,
    folder: Path,
    log: EventLog,
    *,
    progress: Progress | None,
    sandbox: Sandbox,
    final: SearchOutcome | None = None,
    proposer: Proposer | None = None,
    generations: Sequence[Generation] = (),
) -> Result | None:
    """Return the result of a search's winner: the one in the folder if it still holds, or a new one, written there.

    Args:
        plan: plan of the search.
        loaded: the task.
        outcome: outcome of the search.
        folder: folder of the run.
        log: event log of the search, which is told the hash of the result.
        progress: told the name of each stage as it begins.
        sandbox: runs the winner.
        final: outcome of the finals; None if there were none.
        proposer: writer of the programs; None for an external system.
        generations: generations of the discoverer's population, if it can be followed.

    Returns:
        The result; None if no program worked.
    """
    winner = winner_of(outcome, final)
    if winner is None:
        return None
    known = _judged_before(outcome, final, folder, log)
    if known is not None:
        return known
    surroundings = {} if proposer is None else dict(proposer.surroundings)
    beside = {
        "search": plan.options,
        "evaluated": _record(folder),
        "unanswered": outcome.counts.unanswered,
        "surroundings": surroundings,
    }
    method = plan.record.model_copy(
        update={
            "proposer_settings": plan.method_settings(surroundings),
            "proposer_identity": {} if proposer is None else dict(proposer.identity),
            "proposer_version": None if proposer is None else proposer.version,
        }
    )
    if not outcome.found(seed_program(loaded.task).id):
        result = nothing_found(winner, method, loaded, plan, outcome, sandbox).model_copy(update=beside)
        return _written(result, folder, log)
    write_text(folder / BEST, winner.program.source)
    result = judge_program(
        winner.program.source,
        method,
        loaded,
        plan.seed,
        plan.limits,
        spend=spend_of(outcome, final),
        progress=progress or (lambda _: None),
        sandbox=sandbox,
    )
    followed = Scores()
    if generations and result.status == "ok":
        followed = loaded.judge.score_generations(generations)
    result = result.model_copy(
        update={
            "metrics": result.metrics | _optimism(winner, outcome, result) | followed.metrics,
            "curves": result.curves | followed.curves,
            "metric_versions": result.metric_versions | followed.metric_versions,
            **beside,
            "finals": () if final is None else tuple(finals.table(outcome, final, _parents(folder))),
        }
    )
    return _written(result, folder, log)


def _written(result: Result, folder: Path, log: EventLog) -> Result:
    """Write a result, and then its hash into the event log, by which a file that was changed since is known."""
    result.write(folder / RESULT)
    log.append("judged", {"sha256": sha256(folder / RESULT)})
    return result


def nothing_found(
    winner: Scored,
    method: MethodRecord,
    loaded: LoadedTask,
    plan: Plan,
    outcome: SearchOutcome,
    sandbox: Sandbox | None = None,
) -> Result:
    """Make the result of a search that evaluated nothing but the seed program, and therefore has no scores.

    Args:
        winner: the seed program with its evaluation.
        method: record of the method.
        loaded: the task.
        plan: plan of the search.
        outcome: outcome of the search.
        sandbox: ran the program; None for the one that is opened where none is given.

    Returns:
        The result.
    """
    note = f"The search evaluated nothing but the seed program. {outcome.summary()}"
    program = ProgramRecord(id=winner.program.id, source=winner.program.source, validation_loss=winner.evaluation.loss)
    return unscored(method, loaded, plan.seed, plan.limits, NOTHING_FOUND, note, program, outcome.spend, sandbox)


def _record(folder: Path) -> tuple[Evaluated, ...]:
    """Return every evaluation of the folder's search, with its parents by number and the spend until then."""
    number: dict[ProgramId, int] = {}
    record = []
    for i, point in enumerate(progress_of(folder), 1):
        record.append(
            Evaluated(
                program=point.program[:12],
                operator=point.operator,
                parents=tuple(number[parent] for parent in point.parents),
                status=str(point.status),
                loss=None if point.loss is None else float(f"{point.loss:.6g}"),
                spend=point.spend,
            )
        )
        number[point.program] = i
    return tuple(record)


def _parents(folder: Path) -> dict[ProgramId, ProgramId]:
    """Return the program from which each program of the folder's search was made, if it was made from one."""
    return {point.program: point.parents[-1] for point in progress_of(folder) if point.parents}


def _optimism(winner: Scored, screened: SearchOutcome, result: Result) -> dict[str, float]:
    """Return the optimism of the search in nats: its evaluation of the winner minus that of the judge.

    The best of many noisy evaluations is biased by chance. The result is empty if the judge does not evaluate on the
    data to select on.
    """
    afresh = result.metrics.get("likelihood/log_marginal_selection")
    believed = next(s.evaluation for s in screened.evaluated if s.program.id == winner.program.id).log_likelihood
    return {} if afresh is None or believed is None else {"likelihood/optimism": believed - afresh}


def _judged_before(outcome: SearchOutcome, final: SearchOutcome | None, folder: Path, log: EventLog) -> Result | None:
    """Return the folder's result if it is unaltered, of this benchmark version, and agrees with the outcomes."""
    path = folder / RESULT
    if not path.exists() or altered(path, log.events) is not None:
        return None
    try:
        known = load(path)
    except DamagedFileError:
        return None
    fits = known.benchmark_version == BENCHMARK_VERSION and check(outcome, known, final) is None
    return known if fits else None
