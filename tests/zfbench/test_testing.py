"""Discoverers and proposers that break their interface: one sentence says in which way, and names the plug-in."""

from itertools import count

import pytest
from typer.testing import CliRunner

from zfbench import testing
from zfbench.base import plugins
from zfbench.base.errors import PluginError
from zfbench.cli.app import app
from zfbench.discoverers.best_of_n import BestOfN
from zfbench.protocols.proposer import ProposalError, Proposer
from zfbench.records.evaluation import Proposal, Request
from zfbench.records.spend import Spend

CLOCK = count()  # goes on between two searches, as a clock does
TASKS = {"finite": "mixtures/exact@target:0", "channels": "hodgkin_huxley-tiny", "epidemics": "sir-tiny"}


class Numbers(BestOfN):
    def ask(self):
        request = super().ask()
        return Request(request.id + 7, request.operator, request.parents)


class Stranger(BestOfN):
    def ask(self):
        request = super().ask()
        return request if request.operator == "seed" else Request(request.id, "mutate", ("unknown",))


class Orphan(BestOfN):
    def ask(self):
        request = super().ask()
        return request if request.operator == "seed" else Request(request.id, "mutate")


class NoSeed(BestOfN):
    def ask(self):
        request = super().ask()
        return request if request.id else Request(0, "rewrite")


class NoAsk:
    def __init__(self, seed, seed_program):
        pass

    def tell(self, request, program, evaluation):
        pass


class Optimist(BestOfN):
    def tell(self, request, program, evaluation):
        super().tell(request, program, evaluation)
        assert evaluation.loss > 0, "it failed"


class Clock(BestOfN):
    def ask(self):
        request = super().ask()
        return request and Request(request.id, request.operator, request.parents, (f"at {next(CLOCK)}",))


class Impatient(BestOfN):
    """Waits for each answer, and forgets which request is next while it waits."""

    waiting, tried = False, 0

    def ask(self):
        if self.waiting:
            self.tried += 1
            return None
        self.waiting = True
        request = super().ask()
        return Request(request.id, request.operator, request.parents, (f"tried {self.tried} times",))

    def tell(self, request, program, evaluation):
        self.waiting = False
        super().tell(request, program, evaluation)


class Eager(BestOfN):
    """Says that it has nothing to ask, and then asks."""

    refused = False

    def ask(self):
        self.refused = not self.refused
        return None if self.refused and self._asked else super().ask()


class Heavy(BestOfN):
    @property
    def population(self):
        return [(program, 1.0) for program in self._told]


class Inventing(BestOfN):
    @property
    def population(self):
        return [("nobody", 1.0)]


@pytest.mark.parametrize(
    ("factory", "sentence"),
    [
        (Numbers, "Numbers numbered a request 7, expected 0"),
        (Stranger, "Stranger: request 1 names parents that were never evaluated"),
        (Orphan, "Orphan made request 1 without a parent"),
        (NoSeed, "NoSeed made request 0 with the operator 'rewrite'; the first request"),
        (NoAsk, "NoAsk lacks ask; inherit from zfbench.protocols.discoverer.Discoverer"),
        (Optimist, r"Optimist failed in tell \(TypeError: '>' not supported"),
        (Clock, "Clock asks something else when it is made again with the same seed"),
        (Impatient, "Impatient goes on differently after it was asked in vain"),
        (Eager, "Eager has no request and then, asked again, has one"),
        (Heavy, r"Heavy has a population whose weights sum to \d+"),
        (Inventing, "Inventing has a population with programs that it was never told"),
        (lambda seed: None, "failed in its construction .TypeError"),
    ],
)
def test_a_discoverer_that_breaks_a_rule_is_named_with_the_rule(factory, sentence):
    with pytest.raises(PluginError, match=sentence):
        testing.check_discoverer(factory)


class Words(Proposer):
    """A proposer that keeps the interface."""

    trusted = True

    def __init__(self, spec):
        pass

    def propose(self, request, context, rng):
        return Proposal(f"x = {rng.integers(1000)}", "")


class NotInherited:
    def __init__(self, spec):
        pass

    def propose(self, request, context, rng):
        return Proposal("x = 1", "")


class Unbounded(Words):
    bound = 7


class Secretive(Words):
    identity = {"key": object()}  # noqa: RUF012


class Plain(Words):
    def propose(self, request, context, rng):
        return "x = 1"


class Empty(Words):
    def propose(self, request, context, rng):
        return Proposal("", "")


class Silent(Words):
    def propose(self, request, context, rng):
        raise ProposalError("nothing comes to mind")


class Spendthrift(Words):
    def propose(self, request, context, rng):
        return Proposal("x = 1", "", Spend(tokens=5))


class Forgetful(Words):
    def propose(self, request, context, rng):
        return Proposal(f"x = {next(CLOCK)}", "")


class Crashing(Words):
    def propose(self, request, context, rng):
        return Proposal(context.parents[7].program.source, "")


@pytest.mark.parametrize(
    ("factory", "sentence"),
    [
        (NotInherited, "NotInherited lacks bound, trusted, version, identity, surroundings; inherit from"),
        (Unbounded, "Unbounded has bound = 7"),
        (Secretive, "The identity of the proposer .*Secretive is not JSON"),
        (Plain, "Plain returned str from propose; return a Proposal"),
        (Empty, "Empty answered with an empty source; raise ProposalError"),
        (Silent, "Silent had no program for any of 12 requests"),
        (Spendthrift, "Spendthrift spent more tokens than its bound"),
        (Forgetful, "Forgetful gives other programs for equal arguments"),
        (Crashing, r"Crashing failed in propose \(IndexError: tuple index out of range, test_testing.py line"),
    ],
)
def test_a_proposer_that_breaks_a_rule_is_named_with_the_rule(factory, sentence, data_cache):
    with pytest.raises(PluginError, match=sentence):
        testing.check_proposer(factory)
    testing.check_proposer(Words)


@pytest.mark.parametrize("name", [name for name in plugins.names("proposer") if name not in ("llm", "replay", "table")])
def test_every_proposer_keeps_its_interface(name, data_cache):
    testing.check_proposer(plugins.load("proposer", name), TASKS.get(name, testing.TASK))


def call(*arguments):
    return CliRunner().invoke(app, ["check-plugin", *arguments])


def test_the_command_prints_every_rule_and_fails_where_one_is_broken(monkeypatch):
    done = call("best_of_n")
    assert done.exit_code == 0
    assert done.stdout.count("  ok  ") == 6
    monkeypatch.setattr(plugins, "load", lambda kind, name: Clock)
    done = call("best_of_n", "--kind", "discoverer")
    assert done.exit_code == 1
    assert (done.stdout.count("  ok  "), done.stdout.count("  FAIL  ")) == (4, 2)
    assert "Clock asks something else" in done.stdout


def test_the_command_gives_settings_and_refuses_unknown_names():
    assert "c must be" in call("puct", "--set", "c=-1").stdout or "FAIL" in call("puct", "--set", "c=-1").stdout
    assert call("puct", "--set", "nonsense=1").exit_code == 1
    for arguments, sentence in (
        (("best_of",), "There is no plug-in 'best_of'; did you mean 'best_of_n'"),
        (("puct", "--kind", "proposr"), "There is no kind of plug-in 'proposr'; did you mean 'proposer'"),
    ):
        assert sentence in str(call(*arguments).exception)
