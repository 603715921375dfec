"""Nobody's programs run unconfined without the user's consent, whichever way they come in."""

from types import SimpleNamespace

import pytest

from zfbench.base import plugins
from zfbench.base.errors import ZfbenchError
from zfbench.protocols.proposer import Proposer
from zfbench.records.evaluation import Evaluation, Proposal
from zfbench.records.program import Status
from zfbench.records.recordings import TaskSpec
from zfbench.runs.arena import open_arena
from zfbench.runs.plan import EXTERNAL, Plan
from zfbench.runs.search import search
from zfbench.sandbox import bubblewrap
from zfbench.sandbox.choose import VARIABLE, name_of, open_sandbox
from zfbench.sandbox.process import ProcessSandbox
from zfbench.search.budget import Budget

TASK = SimpleNamespace(
    spec=TaskSpec("toy", "", "", 1.0, 4, 4, ("a",), ("A",), ()),
    seed_program="0",
    data_sha256="0" * 64,
    reevaluate=False,
)


class Toy:
    """A family of one task, none of whose programs work; it notes which were run and in which sandbox."""

    def __init__(self):
        self.ran = []

    def load(self, name):
        return TASK

    def evaluator(self, task, limits, sandbox):
        def evaluate(program, seed):
            self.ran.append((program.source, sandbox.name))
            return Evaluation(Status.ERROR)

        return evaluate


class Stranger(Proposer):
    """Says nothing of trust."""

    def propose(self, request, context, rng):
        return Proposal(f"import shutil  # {request.id}", "")


class Grammar(Stranger):
    trusted = True


@pytest.fixture
def toy(monkeypatch):
    toy, load = Toy(), plugins.load
    makers = {"stranger": lambda spec: Stranger(), "grammar": lambda spec: Grammar()}
    known = {("task", "toy"): toy, **{("proposer", name): make for name, make in makers.items()}}
    monkeypatch.setattr(plugins, "load", lambda kind, name: known.get((kind, name)) or load(kind, name))
    monkeypatch.setattr(plugins, "names", lambda kind: ("toy",))
    return toy


def plan(proposer, discoverer="best_of_n"):
    return Plan("toy", discoverer, proposer, Budget(evaluations=2), 0, finalists=0)


def searched(folder, **consent):
    search(plan("stranger"), folder, **consent)


def brought(folder, **consent):
    with open_arena(plan(EXTERNAL, "somebody"), folder, **consent) as session:
        session.arena.evaluate("import shutil")


def judged(folder, **consent):
    with open_arena(plan(EXTERNAL, "somebody"), folder, **consent) as session:
        session.judge()


@pytest.mark.parametrize("way", [searched, brought, judged])
@pytest.mark.parametrize("chosen_by", ["argument", "environment"])
def test_programs_that_nobody_vouches_for_are_refused_before_anything_is_run_or_written(
    toy, tmp_path, monkeypatch, way, chosen_by
):
    if chosen_by == "environment":
        monkeypatch.setenv(VARIABLE, "process")
    sandbox = ProcessSandbox() if chosen_by == "argument" else None
    with pytest.raises(ZfbenchError, match=r"does not confine them.*--allow-unsafe-programs") as refusal:
        way(tmp_path / "run", sandbox=sandbox)
    who = "the proposer 'stranger'" if way is searched else "the system 'somebody'"
    assert str(refusal.value).startswith(f"Programs of {who} are written by a machine")
    assert "(in Python, allow_unsafe_programs=True)" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert toy.ran == []
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("way", [searched, brought, judged])
@pytest.mark.parametrize("named", ["nothing", "bubblewrap"])
def test_where_bubblewrap_is_missing_they_are_refused_and_nothing_takes_its_place(
    toy, tmp_path, monkeypatch, way, named
):
    monkeypatch.setattr(bubblewrap, "obstacle", lambda: "bubblewrap is not installed")
    if named == "bubblewrap":
        monkeypatch.setenv(VARIABLE, "bubblewrap")
        refused = "The sandbox 'bubblewrap' does not work here: bubblewrap is not installed"
    else:
        monkeypatch.delenv(VARIABLE, raising=False)
        refused = "the sandbox 'process' does not confine them; install bubblewrap"
        assert name_of(None) == "process"
        with open_sandbox() as box:
            assert not box.confined
            assert "bubblewrap is not installed" in box.notice
    with pytest.raises(ZfbenchError, match=refused):
        way(tmp_path / "run")
    assert toy.ran == []
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("way", [searched, brought])
def test_they_run_unconfined_with_the_users_consent(toy, tmp_path, way):
    way(tmp_path, sandbox=ProcessSandbox(), allow_unsafe=True)
    assert ("import shutil" in toy.ran[-1][0], toy.ran[-1][1]) == (True, "process")


def test_they_need_no_consent_where_they_are_confined(toy, tmp_path):
    sandbox = ProcessSandbox()
    sandbox.confined = True
    searched(tmp_path, sandbox=sandbox)
    assert len(toy.ran) == 2


def test_programs_of_a_trusted_proposer_need_no_consent(toy, tmp_path):
    search(plan("grammar"), tmp_path, sandbox=ProcessSandbox())
    assert len(toy.ran) == 2
