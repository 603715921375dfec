"""A search from names to a result: screen, train the best again, and judge the winner once, at the end.

A run's folder holds `log.jsonl` and `finals.jsonl` (the event logs, from which it is resumed and replayed), `best.py`,
`population.json` where the method keeps a weighted population, `prompts` where a language model wrote the programs, and
`result.json`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from zfbench.base.errors import ZfbenchError
from zfbench.base.seeds import check_seed
from zfbench.protocols.discoverer import DiscovererFactory, Fitting, Generational, WeightedPopulation
from zfbench.protocols.executor import Evaluate, ExecutorFactory
from zfbench.protocols.proposer import Proposer, ProposerFactory
from zfbench.protocols.sandbox import Sandbox
from zfbench.records.limits import bound
from zfbench.records.result import Result
from zfbench.runs.code import code_of
from zfbench.runs.exchanges import keep_exchanges
from zfbench.runs.judge import Progress
from zfbench.runs.methods import check_names, check_plain_settings, make_discoverer, make_proposer, seed_program
from zfbench.runs.plan import EXTERNAL, FINALS, LOG, POPULATION, Plan
from zfbench.runs.tasks import LoadedTask, find_task
from zfbench.runs.winner import judge_winner
from zfbench.sandbox.choose import check_trust, open_sandbox
from zfbench.search import finals, population
from zfbench.search.budget import Budget
from zfbench.search.eventlog import EventLog
from zfbench.search.header import check_budget
from zfbench.search.history import OnEvent
from zfbench.search.loop import run_search
from zfbench.search.outcome import SearchOutcome
from zfbench.search.replicates import FINALS as FINALS_REPLICATE


def search(
    plan: Plan,
    folder: Path,
    workers: int | None = 1,
    on_event: OnEvent | None = None,
    progress: Progress | None = None,
    executor: ExecutorFactory | None = None,
    sandbox: Sandbox | None = None,
    allow_unsafe: bool = False,
    discoverer: DiscovererFactory | None = None,
    proposer: ProposerFactory | None = None,
    shared: Path | None = None,
) -> tuple[SearchOutcome, Result | None]:
    """Run or resume the search in a folder, then judge its best program.

    Args:
        plan: plan of the search.
        folder: folder of the run.
        workers: number of candidates trained at once; None leaves it to the executor.
        on_event: called after each event of the search, also for those of an earlier process.
        progress: told the name of each stage of the judging.
        executor: maker of the executor; by default candidates are trained on this machine.
        sandbox: runs all programs; without one, the best that works here is opened and closed at the end.
        allow_unsafe: run programs of a proposer that is not trusted also in a sandbox that does not confine them.
        discoverer: maker of the discoverer, if it is not registered under the plan's name.
        proposer: maker of the proposer, if it is not registered under the plan's name.
        shared: folder of evaluations that searches share; None measures every program.

    Returns:
        The outcome, and the result; None for a result if no program worked. A search that evaluated nothing but the
        seed program has a result with the status `nothing_found` and without scores.

    Raises:
        ProposerUnavailableError: the proposer got no answer; the search can be resumed.
        ZfbenchError: an unknown name, an impossible budget, a folder that holds another search or that another process
            uses, or programs that must not run in this sandbox.
    """
    if plan.proposer == EXTERNAL:
        raise ZfbenchError(
            f"The search in {folder} was begun by `zfbench serve`; continue it with the same `zfbench serve` command."
        )
    check_seed(plan.seed)
    check_plain_settings(plan)
    check_names(plan, discoverer, proposer)  # before the data are loaded
    loaded = find_task(plan.task)
    task, family = loaded.task, loaded.family
    budget, final_budget = plan.budgets
    searcher, writer = make_discoverer(plan, task, discoverer), make_proposer(plan, task.spec, proposer)
    with ExitStack() as held:
        box = held.enter_context(opened(sandbox))
        # Before a file is made:
        check_trust(box, plan.writer, writer.trusted, allow_unsafe)
        check_budget(budget, writer.bound + replace(plan.bound, evaluations=1))
        log = held.enter_context(EventLog(folder / LOG))
        evaluator = family.evaluator(task, plan.candidate, box)
        if shared is not None:
            evaluator = evaluator.shared(shared)
        evaluate: Evaluate = evaluator
        if isinstance(searcher, Fitting) and searcher.wants_fitted is not None:
            evaluate = evaluator.with_fitted(searcher.wants_fitted)
        outcome = run_search(
            searcher,
            writer,
            evaluate,
            spec=task.spec,
            seed_program=seed_program(task),
            budget=budget,
            log=log,
            seed=plan.seed,
            bound=plan.bound,
            workers=workers,
            executor=executor,
            header={
                **plan.header(task, writer.surroundings),
                **_identity(writer),
                **code_of(discoverer=discoverer, proposer=proposer),
            },
            on_event=on_event,
            patience=plan.patience,
            reevaluate=task.reevaluate,
            ideas=plan.ideas,
            limits=plan.candidate,
            keep=partial(keep_exchanges, folder),
        )
        if isinstance(searcher, WeightedPopulation):
            population.write(searcher.population, folder / POPULATION)
        if outcome.best is None:
            return outcome, None
        final = None
        if plan.final_count and outcome.found(seed_program(task).id):
            if progress is not None:
                progress("finals")
            final = _run_finals(plan, loaded, outcome, final_budget, folder, workers, executor, box)
        generations = tuple(searcher.generations) if isinstance(searcher, Generational) else ()
        return outcome, judge_winner(
            plan,
            loaded,
            outcome,
            folder,
            log,
            progress=progress,
            sandbox=box,
            final=final,
            proposer=writer,
            generations=generations,
        )


def _identity(proposer: Proposer) -> dict[str, Any]:
    """Return the entries of the header that identify the proposer, so that no other one continues its search."""
    version = {} if proposer.version is None else {"proposer_version": proposer.version}
    return {"proposer_identity": dict(proposer.identity)} | version


def _run_finals(
    plan: Plan,
    loaded: LoadedTask,
    outcome: SearchOutcome,
    budget: Budget,
    folder: Path,
    workers: int | None,
    executor: ExecutorFactory | None,
    sandbox: Sandbox,
) -> SearchOutcome:
    """Train the best programs at full length with a seed that no search uses; logged and resumed like the search."""
    assert budget.evaluations is not None
    task = loaded.task
    finalists = finals.FinalistReplay(outcome.top(budget.evaluations))
    with EventLog(folder / FINALS) as log:
        return run_search(
            finalists,
            finalists,
            loaded.family.evaluator(task, plan.limits, sandbox),
            spec=task.spec,
            seed_program=seed_program(task),
            budget=budget,
            log=log,
            seed=plan.seed,
            replicate=FINALS_REPLICATE,
            bound=bound(plan.limits),
            workers=workers,
            executor=executor,
            header={**finalists.identity, "candidate": asdict(plan.limits), "data_sha256": task.data_sha256},
        )


def opened(sandbox: Sandbox | None) -> AbstractContextManager[Sandbox]:
    """Return the given sandbox, which its owner closes, or a new one, which is closed at the end of the context."""
    return open_sandbox() if sandbox is None else nullcontext(sandbox)
