"""The end of a search: its winner is trained anew, judged once, and written down with how it was found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zfbench.base.errors import DamagedFileError
from zfbench.base.files import write_text
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
from zfbench.runs.replay import check, progress_of, spend_of, winner_of
from zfbench.runs.tasks import LoadedTask
from zfbench.search import finals
from zfbench.search.outcome import SearchOutcome


def judge_winner(
    plan: Plan,
    loaded: LoadedTask,
    outcome: SearchOutcome,
    folder: Path,
    progress: Progress | None,
    sandbox: Sandbox,
    final: SearchOutcome | None = None,
    proposer: Proposer | None = None,
    generations: Sequence[Generation] = (),
) -> Result | None:
    """The result of a search's winner: the one in the folder if it is that, else a new one, written there.

    Args:
        plan: of the search.
        loaded: the task.
        outcome: of the search.
        folder: of the run.
        progress: told the name of each stage as it begins.
        sandbox: runs the winner.
        final: the outcome of the finals, if there were any.
        proposer: what wrote the programs; None for a guest.
        generations: of the discoverer's population, where it can be followed.
    """
    winner = winner_of(outcome, final)
    if winner is None:
        return None
    known = _judged_before(outcome, final, folder)
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
        }
    )
    if not outcome.found(seed_program(loaded.task).id):
        result = nothing_found(winner, method, loaded, plan, outcome).model_copy(update=beside)
        result.write(folder / RESULT)
        return result
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
            "finals": () if final is None else tuple(finals.table(outcome, final)),
        }
    )
    result.write(folder / RESULT)
    return result


def nothing_found(
    winner: Scored, method: MethodRecord, loaded: LoadedTask, plan: Plan, outcome: SearchOutcome
) -> Result:
    """The result of a search that evaluated nothing but the seed program: it has no scores of its own.

    Args:
        winner: the seed program as it was screened.
        method: of the search.
        loaded: the task.
        plan: of the search.
        outcome: of the search.
    """
    note = f"The search evaluated nothing but the seed program. {outcome.summary()}"
    program = ProgramRecord(id=winner.program.id, source=winner.program.source, validation_loss=winner.evaluation.loss)
    return unscored(method, loaded, plan.seed, plan.limits, NOTHING_FOUND, note, program, outcome.spend)


def _record(folder: Path) -> tuple[Evaluated, ...]:
    """Every evaluation of the folder's search, with the parents' latest before it and what was spent until then."""
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


def _optimism(winner: Scored, screened: SearchOutcome, result: Result) -> dict[str, float]:
    """By how much the search thought its winner better than it is found to be afresh, in nats.

    The best of many noisy evaluations was also lucky. Only where the judge evaluates on the data to select on again.
    """
    afresh = result.metrics.get("likelihood/log_marginal_selection")
    believed = next(s.evaluation for s in screened.evaluated if s.program.id == winner.program.id).log_likelihood
    return {} if afresh is None or believed is None else {"likelihood/optimism": believed - afresh}


def _judged_before(outcome: SearchOutcome, final: SearchOutcome | None, folder: Path) -> Result | None:
    """The result in the folder, whose journal has the same header; None if it is unfit or not there."""
    path = folder / RESULT
    if not path.exists():
        return None
    try:
        known = load(path)
    except DamagedFileError:
        return None
    fits = known.benchmark_version == BENCHMARK_VERSION and check(outcome, known, final) is None
    return known if fits else None
