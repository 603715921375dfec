"""A search from names to a result: screen, train the best anew, judge the winner once, at the end.

A run's folder holds `log.jsonl` and `finals.jsonl` (the journals, from which it is resumed and replayed), `best.py`,
`population.json` where the method keeps a weighted population, and `result.json`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from zfbench import plugins
from zfbench.assess import Progress, assess_program, load_judge, load_task
from zfbench.errors import DamagedFileError, ZfbenchError
from zfbench.files import write_text
from zfbench.forecaster import Limits
from zfbench.programs.backends import check_trust, open_sandbox
from zfbench.programs.process import Sandbox
from zfbench.results import BENCHMARK_VERSION, Evaluated, MethodRecord, Result, read
from zfbench.results import Spend as SpendRecord
from zfbench.search import finals, history, population
from zfbench.search.arena import Arena, Guest
from zfbench.search.budget import Budget
from zfbench.search.discoverer import Discoverer, Fitting, Generation, Generational, WeightedPopulation
from zfbench.search.evaluator import InterpretedEvaluator, ProgramEvaluator, bound
from zfbench.search.eventlog import Event, EventLog, read_journal
from zfbench.search.executors import Evaluate, ExecutorFactory
from zfbench.search.history import OnEvent
from zfbench.search.outcome import SearchOutcome
from zfbench.search.proposer import Interpretable, Proposer
from zfbench.search.run import PATIENCE, run_search
from zfbench.search.simulator_evaluator import SimulatorEvaluator
from zfbench.search.trajectory import Point, trajectory
from zfbench.search.types import Program, ProgramId, Scored, Spend
from zfbench.tasks.sealed import PopulationJudge
from zfbench.tasks.task import SearchTask

LOG, FINALS, BEST, RESULT = "log.jsonl", "finals.jsonl", "best.py", "result.json"
POPULATION = population.FILE
GUEST = "guest"  # the proposer of a search whose programs come through the second door


@dataclass(frozen=True)
class Plan:
    """Everything that defines a search; equal plans give equal results.

    Attributes:
        task, discoverer, proposer: registered names; with the proposer `guest`, the discoverer is the name that
            a system which owns its loop goes by.
        budget: of the search and its finals; its `updates` limits each candidate's training while screened.
        seed: of discoverer, proposer and trainings.
        limits: of full trainings: of the finalists, and of the winner before it is judged.
        settings: the discoverer's own.
        proposer_settings: the proposer's own.
        ideas: texts of which every request gets one, whatever the discoverer.
        finalists: how many of the best are trained at full length and ranked again before the judge sees one;
            None: see `zfbench.search.finals.default_finalists`.
        fast_path: screen programs through their proposer's interpreter where it has one for them; see
            `zfbench.programs.interpreter`. Finals and judge train the programs themselves.
        patience: end after so many requests in a row without a new working program.
    """

    task: str
    discoverer: str
    proposer: str
    budget: Budget
    seed: int
    limits: Limits = field(default_factory=Limits)
    settings: dict[str, Any] = field(default_factory=dict)
    proposer_settings: dict[str, Any] = field(default_factory=dict)
    ideas: tuple[str, ...] = ()
    finalists: int | None = None
    fast_path: bool = False
    patience: int = PATIENCE

    @property
    def candidate(self) -> Limits:
        """What each candidate's training may spend."""
        return Limits(
            updates=self.budget.updates or self.limits.updates,
            seconds=self.limits.seconds,
            memory_bytes=self.limits.memory_bytes,
        )

    @property
    def bound(self) -> Spend:
        """The most that one screening may use up."""
        return bound(self.candidate)

    @property
    def final_count(self) -> int:
        """How many finalists there are; a guest ranks its own."""
        if self.proposer == GUEST:
            return 0
        return finals.default_finalists(self.budget) if self.finalists is None else self.finalists

    @property
    def budgets(self) -> tuple[Budget, Budget]:
        """Of the screening and of the finals.

        Raises:
            ZfbenchError: the finals leave nothing to search with.
        """
        return finals.set_aside(self.budget, self.final_count, bound(self.limits))

    def header(self, task: SearchTask) -> dict[str, Any]:
        """The plan as the first line of its journal holds it, with the data that it is for."""
        plan = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            **plan,
            "budget": self.budget.to_json(),
            "limits": asdict(self.limits),
            "data_sha256": task.data_sha256,
            "candidate": asdict(self.candidate),
            "whole_budget": self.budget.to_json(),
        }

    @classmethod
    def read(cls, folder: Path) -> Plan:
        """The plan of the search that a folder holds.

        Raises:
            DamagedFileError: the journal is damaged, or was written by another version.
            ZfbenchError: there is no search.
        """
        head = {"fast_path": False, **_events(folder)[0].body}  # journals of format 1 knew no other path
        try:
            plan = {f.name: head[f.name] for f in fields(cls)}
            return cls(
                **{
                    **plan,
                    "ideas": tuple(head["ideas"]),
                    "budget": Budget(**head["whole_budget"]),
                    "limits": Limits(**head["limits"]),
                }
            )
        except (KeyError, TypeError) as error:
            raise DamagedFileError(
                f"{folder / LOG}, line 1 describes no search that this version knows ({error}); "
                "use the version that wrote it."
            ) from error


def search(
    plan: Plan,
    folder: Path,
    workers: int | None = 1,
    on_event: OnEvent | None = None,
    progress: Progress | None = None,
    executor: ExecutorFactory | None = None,
    sandbox: Sandbox | None = None,
    allow_unsafe: bool = False,
) -> tuple[SearchOutcome, Result | None]:
    """Run or resume the search that `folder` holds, then judge its best program.

    Args:
        plan: what to search for, and how.
        folder: of the run.
        workers: candidates trained at once; None leaves it to the executor.
        on_event: called after each event of the search, those of an earlier process included.
        progress: told the name of each stage of the judging.
        executor: where candidates are trained; by default here.
        sandbox: runs all programs; without one, `open_sandbox()` does and is closed at the end.
        allow_unsafe: run programs of a proposer that is not trusted in a sandbox that does not confine them.

    Returns:
        The outcome, and the result; None for a result if no program worked.

    Raises:
        ZfbenchError: an unknown name, an impossible budget, a folder that holds another search, one that another
            process works in, or programs that must not run in this sandbox.
    """
    if plan.proposer == GUEST:
        raise ZfbenchError(f"The search in {folder} is a guest's; go on with `zfbench serve`.")
    task = load_task(plan.task)
    budget, final_budget = plan.budgets
    discoverer = _discoverer(plan, task)
    proposer: Proposer = _make("proposer", plan.proposer, plan.proposer_settings, task.spec)
    with ExitStack() as held:
        box, log = held.enter_context(_opened(sandbox)), held.enter_context(EventLog(folder / LOG))
        check_trust(box, plan.proposer, getattr(proposer, "trusted", False), allow_unsafe)
        evaluate = task.evaluator(plan.candidate, box)
        if isinstance(discoverer, Fitting) and discoverer.wants_fitted:
            evaluate = _fitted(plan, evaluate)
        if plan.fast_path:
            evaluate = held.enter_context(_interpreted(plan, evaluate, proposer))
        outcome = run_search(
            discoverer,
            proposer,
            evaluate,
            spec=task.spec,
            seed_program=_seed_program(task),
            budget=budget,
            log=log,
            seed=plan.seed,
            bound=plan.bound,
            workers=workers,
            executor=executor,
            header={**plan.header(task), **_identity(proposer)},
            on_event=on_event,
            patience=plan.patience,
            reevaluate=getattr(task, "reevaluate", False),
            ideas=plan.ideas,
        )
        if isinstance(discoverer, WeightedPopulation):
            population.write(discoverer.population, folder / POPULATION)
        if outcome.best is None:
            return outcome, None
        final = None
        if plan.final_count:
            if progress is not None:
                progress("finals")
            final = _run_finals(plan, task, outcome, final_budget, folder, workers, executor, box)
        generations = tuple(discoverer.generations) if isinstance(discoverer, Generational) else ()
        return outcome, _judge(plan, task, outcome, folder, progress, box, final, proposer.identity, generations)


@contextmanager
def open_arena(
    plan: Plan,
    folder: Path,
    workers: int = 1,
    on_event: OnEvent | None = None,
    sandbox: Sandbox | None = None,
    allow_unsafe: bool = False,
) -> Iterator[Arena]:
    """The second door to a task, with the ledger, journal and evaluator of any search.

    Args:
        plan: as of a search; its proposer is `GUEST` and its discoverer the name of the guest.
        folder: of the run; an interrupted one goes on there.
        workers: candidates trained at once.
        on_event: called after each event.
        sandbox: see `search`.
        allow_unsafe: see `search`; nobody has read a guest's programs.

    Raises:
        ZfbenchError: see `search`.
    """
    task = load_task(plan.task)
    with _opened(sandbox) as box, EventLog(folder / LOG) as log:
        check_trust(box, plan.discoverer, False, allow_unsafe)
        yield _arena(plan, task, log, box, workers, on_event)


def judge_arena(
    plan: Plan,
    folder: Path,
    progress: Progress | None = None,
    sandbox: Sandbox | None = None,
    allow_unsafe: bool = False,
) -> tuple[SearchOutcome, Result | None]:
    """End a guest's search for good and judge its best program; arguments and returns as of `search`."""
    task = load_task(plan.task)
    with _opened(sandbox) as box, EventLog(folder / LOG) as log:
        check_trust(box, plan.discoverer, False, allow_unsafe)
        outcome = _arena(plan, task, log, box).finish()
        return outcome, _judge(plan, task, outcome, folder, progress, box)


def replay(folder: Path) -> SearchOutcome:
    """The outcome that a run's journal leads to; nothing is run, written or locked.

    Raises:
        DamagedFileError: the journal is damaged.
        ZfbenchError: there is no search, or its discoverer has changed since.
    """
    plan = Plan.read(folder)
    task = load_task(plan.task)
    return history.replay(
        _events(folder), folder / LOG, _discoverer(plan, task), task.spec, clock=lambda: 0.0
    ).outcome()


def progress_of(folder: Path) -> tuple[Point, ...]:
    """Every evaluation of a run against what was spent until then; errors as of `replay`."""
    return trajectory(_events(folder))


def replay_finals(folder: Path, outcome: SearchOutcome) -> SearchOutcome | None:
    """The outcome of a run's finals, from their journal; None if it has none. Errors as of `replay`."""
    if not (folder / FINALS).exists():
        return None
    events = read_journal(folder / FINALS).events
    if not events:  # the process ended before it wrote a line
        return None
    plan = Plan.read(folder)
    spec = load_task(plan.task).spec
    roster = finals.Roster(outcome.top(plan.final_count))
    return history.replay(events, folder / FINALS, roster, spec, clock=lambda: 0.0).outcome()


def check(outcome: SearchOutcome, result: Result, final: SearchOutcome | None = None) -> str | None:
    """What a result file says otherwise than the outcomes of its search, in one sentence; None if they agree."""
    winner, spend = _winner(outcome, final), _spend(outcome, final)
    best = None if winner is None else winner.program.id
    judged = None if result.program is None else result.program.id
    if best != judged:
        return f"The journal's best program is {best}, but the result is of {judged}."
    if spend.evaluations != result.spend.evaluations or spend.tokens != result.spend.tokens:
        return f"The journal's spend is {spend.to_json()}, but the result says {result.spend.model_dump()}."
    return None


def _events(folder: Path) -> tuple[Event, ...]:
    events = read_journal(folder / LOG).events
    if not events:
        raise ZfbenchError(f"{folder} holds no search; `zfbench run --out {folder}` begins one.")
    return events


def _seed_program(task: SearchTask) -> Program:
    return Program(task.seed_program, summary="the task's seed program")


def _discoverer(plan: Plan, task: SearchTask) -> Discoverer:
    if plan.proposer == GUEST:
        return Guest()
    discoverer: Discoverer = _make("discoverer", plan.discoverer, plan.settings, plan.seed, _seed_program(task))
    return discoverer


def _make(kind: str, name: str, settings: dict[str, Any], *arguments: Any) -> Any:
    """A registered method with its settings.

    Raises:
        ZfbenchError: it has no such setting.
    """
    factory = plugins.load(kind, name)
    try:
        return factory(*arguments, **settings)
    except TypeError as error:
        raise ZfbenchError(f"The {kind} '{name}' does not take these settings: {error}.") from error


def _fitted(plan: Plan, evaluate: Evaluate) -> Evaluate:
    """The evaluator, with parameters fitted to the observations.

    Raises:
        ZfbenchError: the task's programs are no simulators with parameters.
    """
    if not isinstance(evaluate, SimulatorEvaluator):
        raise ZfbenchError(
            f"{plan.task} fits no parameters by simulation (constants of programs that forecast are trained anyway); "
            "leave out score=fitted."
        )
    return evaluate.with_fitted()


@contextmanager
def _interpreted(plan: Plan, evaluate: Evaluate, proposer: Proposer) -> Iterator[Evaluate]:
    """The evaluator, with programs trained through their proposer's interpreter.

    Raises:
        ZfbenchError: the proposer is not trusted or has no interpreter, or the task trains no programs.
    """
    if not (isinstance(evaluate, ProgramEvaluator) and isinstance(proposer, Interpretable) and proposer.trusted):
        raise ZfbenchError(f"'{plan.proposer}' on {plan.task} has no fast path; leave out --fast-path.")
    with evaluate.interpreters() as pool:
        yield InterpretedEvaluator(evaluate, proposer, pool)


def _identity(proposer: Proposer) -> dict[str, Any]:
    """What a journal's header says of a proposer, so that no other one continues its search."""
    version = getattr(proposer, "version", None)
    return {"proposer_identity": dict(proposer.identity)} | ({} if version is None else {"proposer_version": version})


def _run_finals(
    plan: Plan,
    task: SearchTask,
    outcome: SearchOutcome,
    budget: Budget,
    folder: Path,
    workers: int | None,
    executor: ExecutorFactory | None,
    sandbox: Sandbox,
) -> SearchOutcome:
    """Train the best programs at full length with fresh seeds; journalled and resumed like the search."""
    assert budget.evaluations is not None
    roster = finals.Roster(outcome.top(budget.evaluations))
    with EventLog(folder / FINALS) as log:
        return run_search(
            roster,
            roster,
            task.evaluator(plan.limits, sandbox),
            spec=task.spec,
            seed_program=_seed_program(task),
            budget=budget,
            log=log,
            seed=finals.fresh_seed(plan.seed),
            bound=bound(plan.limits),
            workers=workers,
            executor=executor,
            header={**roster.identity, "candidate": asdict(plan.limits), "data_sha256": task.data_sha256},
        )


def _opened(sandbox: Sandbox | None) -> AbstractContextManager[Sandbox]:
    """The given sandbox, which its owner closes, or a new one, which closes at the end."""
    return open_sandbox() if sandbox is None else nullcontext(sandbox)


def _arena(
    plan: Plan, task: SearchTask, log: EventLog, sandbox: Sandbox, workers: int = 1, on_event: OnEvent | None = None
) -> Arena:
    return Arena(
        task.evaluator(plan.candidate, sandbox),
        spec=task.spec,
        budget=plan.budget,
        log=log,
        seed=plan.seed,
        bound=plan.bound,
        workers=workers,
        header=plan.header(task),
        on_event=on_event,
    )


def _judge(
    plan: Plan,
    task: SearchTask,
    outcome: SearchOutcome,
    folder: Path,
    progress: Progress | None,
    sandbox: Sandbox,
    final: SearchOutcome | None = None,
    identity: Mapping[str, Any] | None = None,
    generations: Sequence[Generation] = (),
) -> Result | None:
    """The result of the winner: the one in the folder if it is that, else a new one, written there."""
    winner = _winner(outcome, final)
    if winner is None:
        return None
    known = _judged_before(outcome, final, folder)
    if known is not None:
        return known
    write_text(folder / BEST, winner.program.source)
    settings = {**plan.settings, "budget": plan.budget.to_json()}
    if proposer_settings := {**plan.proposer_settings, **(identity or {})}:
        settings["proposer"] = proposer_settings
    if plan.ideas:
        settings["ideas"] = list(plan.ideas)
    if plan.fast_path:
        settings["fast_path"] = True
    if plan.proposer != GUEST and plan.final_count != finals.default_finalists(plan.budget):
        settings["finalists"] = plan.final_count
    if plan.patience != PATIENCE:
        settings["patience"] = plan.patience
    judge = load_judge(plan.task)
    result = assess_program(
        winner.program.source,
        MethodRecord(name=plan.discoverer, kind="search", proposer=plan.proposer, settings=settings),
        task,
        judge,
        plan.seed,
        plan.limits,
        spend=SpendRecord(**asdict(_spend(outcome, final))),
        progress=progress or (lambda _: None),
        sandbox=sandbox,
    )
    ranked = () if final is None else tuple(finals.table(outcome, final))
    metrics = result.metrics | _optimism(winner, outcome, result)
    curves, versions = result.curves, result.metric_versions
    if generations and result.status == "ok" and isinstance(judge, PopulationJudge):
        followed = judge.score_generations(generations)
        metrics, curves = metrics | followed.metrics, curves | followed.curves
        versions = versions | followed.metric_versions
    scores = {"metrics": metrics, "curves": curves, "metric_versions": versions}
    result = result.model_copy(update={**scores, "search": _record(folder), "finals": ranked})
    result.write(folder / RESULT)
    return result


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
                spend=SpendRecord(**asdict(point.spend)),
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


def _winner(screened: SearchOutcome, final: SearchOutcome | None) -> Scored | None:
    """The best at full length; the best when screened if no finalist can be trained so long."""
    return (final.best if final is not None else None) or screened.best


def _spend(screened: SearchOutcome, final: SearchOutcome | None) -> Spend:
    return screened.spend if final is None else screened.spend + final.spend


def _judged_before(outcome: SearchOutcome, final: SearchOutcome | None, folder: Path) -> Result | None:
    """The result in the folder, whose journal has the same header; None if it is unfit or not there."""
    path = folder / RESULT
    if not path.exists():
        return None
    try:
        known = read(path)
    except DamagedFileError:
        return None
    fits = known.benchmark_version == BENCHMARK_VERSION and check(outcome, known, final) is None
    return known if fits else None
