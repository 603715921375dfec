"""Checks that discoverers and proposers keep their interfaces, in a world without models.

Programs of this world are words, and a rule drawn from a seed says how each fares. `zfbench.testing` offers the checks
to the authors of plug-ins, and `zfbench check-plugin` runs them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np

from zfbench.base.errors import PluginError
from zfbench.protocols.conduct import called, check_interface, check_proposal, check_request, conduct_of
from zfbench.protocols.discoverer import Discoverer, WeightedPopulation
from zfbench.protocols.proposer import Context, ProposalError, Proposer
from zfbench.protocols.spec import Spec
from zfbench.records.evaluation import FITTED, STANDARDISED_MSE, Evaluation, Proposal, Request, Scored
from zfbench.records.program import OPERATORS, Program, ProgramId, Status
from zfbench.records.spend import NOTHING, Spend

SEED = Program("seed")
PAID = Spend(evaluations=1)
FAILED = Evaluation(Status.ERROR, feedback="it broke", spend=PAID)
ANSWERS = 60  # requests that are answered in each check of a discoverer
SEVERAL = 4  # requests at once, in the checks that leave some open
FAILING = 0.3  # share of the answers that fail
REQUESTS = 12  # proposals in each check of a proposer

Entry = tuple[object, ...]  # of a trace: what was asked, told or found finished


def scored(loss: float) -> Evaluation:
    """Return a working evaluation with everything that a discoverer may read."""
    metrics = {"mae/condition/left": loss, "mae/condition/right": 2 * loss}
    metrics |= {STANDARDISED_MSE: loss**2, FITTED: -loss}
    return Evaluation(Status.OK, loss, -100 * loss, metrics, spend=PAID)


@dataclass
class World:
    """A loop that asks a discoverer and answers it, in an order and with failures drawn from a seed.

    Attributes:
        discoverer: the discoverer.
        seed: seed of the answers.
        failing: share of the answers that fail; as many again find no program, or one that is known.
        pending: largest number of requests at once.
        insistent: number of times that an ask is repeated after it was answered with None.
        asked: every request so far.
        told: evaluation of every program that was told so far, by its id.
    """

    discoverer: Discoverer
    seed: int
    failing: float = 0.0
    pending: int = 1
    insistent: int = 0
    asked: list[Request] = field(default_factory=list)
    told: dict[ProgramId, Evaluation] = field(default_factory=dict)

    def run(self, answers: int) -> list[Entry]:
        """Ask until so many answers are told, and return the trace of requests and answers, in order.

        Raises:
            PluginError: the discoverer breaks its interface, or raises something.
        """
        rng = np.random.default_rng(self.seed)
        waiting: list[Request] = []
        trace: list[Entry] = []
        for _ in range(answers):
            while len(waiting) < self.pending and (request := self._ask()) is not None:
                waiting.append(request)
                trace.append(("ask", request))
            if len(waiting) < self.pending and any(self._ask() is not None for _ in range(self.insistent)):
                raise PluginError(
                    f"The discoverer {called(self.discoverer)} has no request and then, asked again, has one; None "
                    "must leave its state unchanged."
                )
            if not waiting:
                trace.append(("finished", None))
                break
            request = waiting.pop(int(rng.integers(len(waiting))))
            program, evaluation = self._answer(request, rng)
            with conduct_of("discoverer", self.discoverer, "tell"):
                self.discoverer.tell(request, program, evaluation)
            trace.append(("tell", request, program, evaluation))
            if program.source:
                self.told[program.id] = evaluation
        return trace

    def _ask(self) -> Request | None:
        with conduct_of("discoverer", self.discoverer, "ask"):
            request = self.discoverer.ask()
        if request is None:
            return None
        check_request(self.discoverer, request, len(self.asked), self.told)
        if (request.operator == "seed") != (request.id == 0):
            raise PluginError(
                f"The discoverer {called(self.discoverer)} made request {request.id} with the operator "
                f"'{request.operator}'; the first request, and no other, asks for the seed program."
            )
        if request.id and not request.parents:
            raise PluginError(
                f"The discoverer {called(self.discoverer)} made request {request.id} without a parent; name at least "
                "one program that it was told, such as the seed program."
            )
        self.asked.append(request)
        return request

    def _answer(self, request: Request, rng: np.random.Generator) -> tuple[Program, Evaluation]:
        draw, loss = rng.random(3), float(np.exp(rng.normal()))
        if request.operator == "seed":
            return SEED, FAILED if draw[0] < self.failing else scored(loss)
        if draw[1] < self.failing / 2:
            return Program("", request.parents, request.operator), Evaluation(Status.INVALID)
        if draw[1] > 1 - self.failing / 2:
            known = list(self.told)[int(rng.integers(len(self.told)))]
            source = "seed" if known == SEED.id else self._source(known)
            return Program(source, request.parents, request.operator), replace(self.told[known], spend=NOTHING)
        program = Program(f"program {request.id}", request.parents, request.operator)
        return program, FAILED if draw[0] < self.failing else scored(loss)

    @staticmethod
    def _source(known: ProgramId) -> str:
        return next(source for k in count() if Program(source := f"program {k}").id == known)


MakeDiscoverer = Callable[[int], Discoverer]  # from a seed


def discoverer_attributes(make: MakeDiscoverer) -> None:
    """A discoverer has `ask` and `tell`."""
    check_interface("discoverer", make(0))


def discoverer_requests(make: MakeDiscoverer) -> None:
    """Requests are numbered 0, 1, 2, ..., begin with the seed program, and name parents that were told."""
    World(make(0), 1).run(ANSWERS)


def discoverer_failures(make: MakeDiscoverer) -> None:
    """Failures, known programs and missing answers, told in any order, break nothing."""
    for failing in (FAILING, 1.0):
        World(make(0), 1, failing, SEVERAL).run(ANSWERS)


def discoverer_repeatable(make: MakeDiscoverer) -> None:
    """Equal seeds and equal answers give equal requests."""
    first, second = make(3), make(3)
    if World(first, 1, FAILING, SEVERAL).run(ANSWERS) != World(second, 1, FAILING, SEVERAL).run(ANSWERS):
        raise PluginError(
            f"The discoverer {called(first)} asks something else when it is made again with the same seed and told the "
            "same; draw only from a generator that the seed begins, and read no clock."
        )


def discoverer_patient(make: MakeDiscoverer) -> None:
    """Asking in vain changes nothing."""
    first, second = make(3), make(3)
    once, often = World(first, 1, FAILING, SEVERAL), World(second, 1, FAILING, SEVERAL, insistent=3)
    if once.run(ANSWERS) != often.run(ANSWERS):
        raise PluginError(
            f"The discoverer {called(first)} goes on differently after it was asked in vain; leave the state unchanged "
            "where ask returns None."
        )


def discoverer_population(make: MakeDiscoverer) -> None:
    """The weights of a population, if there is one, sum to one, over programs that were told."""
    discoverer = make(0)
    world = World(discoverer, 1)
    world.run(ANSWERS)
    if not isinstance(discoverer, WeightedPopulation):
        return
    with conduct_of("discoverer", discoverer, "population"):
        members = list(discoverer.population)
        total = float(sum(weight for _, weight in members))
    if abs(total - 1) > 1e-6:
        raise PluginError(
            f"The discoverer {called(discoverer)} has a population whose weights sum to {total:g}; make them sum to "
            "one."
        )
    if any(program not in world.told for program, _ in members):
        raise PluginError(
            f"The discoverer {called(discoverer)} has a population with programs that it was never told; use only "
            "programs that tell was given."
        )


DISCOVERER_CHECKS: tuple[Callable[[MakeDiscoverer], None], ...] = (
    discoverer_attributes,
    discoverer_requests,
    discoverer_failures,
    discoverer_repeatable,
    discoverer_patient,
    discoverer_population,
)


@dataclass(frozen=True)
class Family:
    """Everything that a proposer is asked about in its checks.

    Attributes:
        make: function that makes the proposer for the specification.
        spec: specification of a task.
        seed_program: source of the task's seed program.
    """

    make: Callable[[Spec], Proposer]
    spec: Spec
    seed_program: str

    def proposals(self, proposer: Proposer) -> list[Proposal | None]:
        """Return the answers to some requests in turn, each built on the last program; None where there is none."""
        parent = Scored(Program(self.seed_program), replace(scored(0.5), feedback="It errs."))
        history, answers = [parent], list[Proposal | None]()
        operators = [name for name in OPERATORS if name != "seed"]
        for number in range(1, REQUESTS + 1):
            operator = operators[number % len(operators)]
            parents = tuple(history[-2:]) if operator == "recombine" else (history[-1],)
            known = frozenset(member.program.id for member in history)
            request = Request(number, operator, tuple(p.program.id for p in parents))  # type: ignore[arg-type]
            context = Context(self.spec, parents, known, tuple(history))
            answer = _proposed(proposer, request, context)
            answers.append(answer)
            if answer is not None:
                program = Program(answer.source, request.parents, request.operator, answer.summary)
                history.append(Scored(program, replace(scored(1 / (2 + number)), feedback="It errs.")))
        return answers


def _proposed(proposer: Proposer, request: Request, context: Context) -> Proposal | None:
    """The answer of a proposer, checked; None if it has none for this request."""
    try:
        with conduct_of("proposer", proposer, "propose"):
            answer = proposer.propose(request, context, np.random.default_rng(request.id))
    except ProposalError as error:
        _check_spend(proposer, error.spend)
        return None
    check_proposal(proposer, answer)
    _check_spend(proposer, answer.spend)
    return answer


def _check_spend(proposer: Proposer, spend: Spend) -> None:
    over = [name for name, used in vars(spend).items() if used > getattr(proposer.bound, name)]
    if over:
        raise PluginError(
            f"The proposer {called(proposer)} spent more {', '.join(over)} than its bound ({spend} of "
            f"{proposer.bound}); state the most that one call may use up."
        )


def proposer_attributes(family: Family) -> None:
    """A proposer has the attributes of its interface, of the right types."""
    proposer = family.make(family.spec)
    check_interface("proposer", proposer)
    types = {"bound": Spend, "trusted": bool, "version": int | None, "identity": Mapping, "surroundings": Mapping}
    for name, wanted in types.items():
        value = getattr(proposer, name)
        if not isinstance(value, wanted):
            raise PluginError(
                f"The proposer {called(proposer)} has {name} = {value!r}; zfbench.protocols.proposer.Proposer says "
                "what it is."
            )
    for name in ("identity", "surroundings"):
        try:
            json.dumps(dict(getattr(proposer, name)), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise PluginError(
                f"The {name} of the proposer {called(proposer)} is not JSON ({error}); use texts, numbers, lists and "
                "dictionaries."
            ) from error


def proposer_answers(family: Family) -> None:
    """Every answer is a proposal with a source, within the bound, or a `ProposalError`."""
    proposer = family.make(family.spec)
    answers = family.proposals(proposer)
    if all(answer is None for answer in answers):
        raise PluginError(f"The proposer {called(proposer)} had no program for any of {len(answers)} requests.")
    if any(answer is not None and not answer.source.strip() for answer in answers):
        raise PluginError(
            f"The proposer {called(proposer)} answered with an empty source; raise ProposalError where there is no "
            "program."
        )


def proposer_repeatable(family: Family) -> None:
    """A proposer that is trusted, and so no remote model, gives equal programs for equal arguments."""
    proposer = family.make(family.spec)
    if not proposer.trusted:
        return
    again = family.make(family.spec)
    if family.proposals(proposer) != family.proposals(again):
        raise PluginError(
            f"The proposer {called(proposer)} gives other programs for equal arguments; draw only from the generator "
            "that propose is given, and keep no state."
        )


PROPOSER_CHECKS: tuple[Callable[[Family], None], ...] = (proposer_attributes, proposer_answers, proposer_repeatable)
