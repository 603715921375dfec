from dataclasses import replace

from zfbench.discoverers.best_of_n import BestOfN
from zfbench.discoverers.random_walk import RandomWalk
from zfbench.protocols.proposer import ProposalError
from zfbench.records.evaluation import Evaluation, Proposal
from zfbench.records.program import Program, Status
from zfbench.records.recordings import TaskSpec
from zfbench.records.spend import Spend
from zfbench.search.budget import Budget
from zfbench.search.eventlog import EventLog
from zfbench.search.loop import run_search

SPEC = TaskSpec("toy", "", "", 1.0, 4, 4, ("a", "b"), ("A", "B"), ())
SEED_PROGRAM = Program("100")


class Numbers:
    """Programs are integers; a child is a parent plus a small step, and at times there is no answer."""

    bound = Spend(tokens=10)

    def __init__(self, failing=0.1, spread=8):
        self.failing, self.spread = failing, spread
        self.contexts = {}

    def propose(self, request, context, rng):
        self.contexts[request.id] = context
        if rng.random() < self.failing:
            raise ProposalError("no answer", Spend(tokens=3))
        step = int(rng.integers(-self.spread, self.spread + 1))
        return Proposal(str(int(context.parents[-1].program.source) + step), f"step {step}", Spend(tokens=7))


class Distance:
    """Loss is the distance to 80, with a trace of the training seed; sevens fail. Counts its calls."""

    def __init__(self):
        self.calls = []

    def __call__(self, program, seed):
        self.calls.append(program.source)
        number = int(program.source)
        if number % 7 == 0:
            return Evaluation(Status.ERROR, feedback="seven", spend=Spend(device_seconds=0.25))
        return Evaluation(Status.OK, abs(number - 80) + seed / 2**40, spend=Spend(device_seconds=0.5))


class Generations(BestOfN):
    """Random search from the best so far, in generations of three: each waits until the last is told."""

    def __init__(self, seed, seed_program):
        super().__init__(seed, seed_program)
        self.waiting, self.best = 0, (float("inf"), seed_program.id)
        self.told = []

    def ask(self):
        if self.waiting and (self._asked - 1) % 3 == 0:
            return None
        request = super().ask()
        if request is not None:
            self.waiting += 1
            if request.operator != "seed":
                request = replace(request, parents=(self.best[1],))
        return request

    def tell(self, request, program, evaluation):
        super().tell(request, program, evaluation)
        self.told.append((request, program, evaluation))
        self.waiting -= 1
        if evaluation.ok:
            self.best = min(self.best, (evaluation.loss, program.id))


DISCOVERERS = [
    lambda: RandomWalk(5, SEED_PROGRAM, parent="any"),
    lambda: Generations(5, SEED_PROGRAM),
]


def still():
    return 0.0


def search(path, discoverer=None, proposer=None, evaluate=None, budget=None, **options):
    options = {"seed": 5, "clock": still, "spec": SPEC, "seed_program": SEED_PROGRAM, **options}
    with EventLog(path) as log:
        return run_search(
            discoverer or RandomWalk(5, SEED_PROGRAM, parent="any"),
            proposer or Numbers(),
            evaluate or Distance(),
            budget=budget or Budget(evaluations=12),
            log=log,
            **options,
        )
