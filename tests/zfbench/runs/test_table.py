"""Building a table: exactly the evaluations of a search, each once, whatever stops it."""

import json
from types import MappingProxyType, SimpleNamespace

import pytest

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.discoverers.proposers.rate.subspace import RateSubspace
from zfbench.protocols.space import Slot, Space
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program, Status
from zfbench.runs.plan import Plan
from zfbench.runs.table import EVALUATIONS, Measurement, Training, evaluate, outcomes, screenings
from zfbench.runs.tasks import find_task
from zfbench.search.budget import Budget
from zfbench.search.replicates import SCREENING, training_seed


class Toy(Space):
    name = "toy"
    versions = MappingProxyType({"space": 1})
    slots = (Slot("unit", ("a", "b", "c"), 1), Slot("inputs", ("x", "y"), 0))

    def source(self, codes):
        self.check(codes)
        return f"program = {codes}"


class Scores:
    """A family whose evaluator counts its calls; a program that takes the third unit fails, `stop` ends the process."""

    def __init__(self):
        self.calls, self.stop = [], None

    def evaluator(self, task, limits, sandbox):
        def measure(program, seed):
            if len(self.calls) == self.stop:
                raise KeyboardInterrupt
            self.calls.append((program.source, limits.updates, limits.seconds, seed))
            if "(2, " in program.source:
                return Evaluation(Status.INVALID, feedback="it failed")
            return Evaluation(Status.OK, 0.25, -3.0, {"mae": 0.125}, "told")

        return measure


@pytest.fixture
def loaded():
    task = SimpleNamespace(spec=SimpleNamespace(name="toy/one"), data_sha256="0" * 64)
    return SimpleNamespace(name="toy/one", family=Scores(), task=task)


def test_every_program_of_a_stage_is_screened_once_with_the_seed_of_every_search(tmp_path, loaded):
    wanted = screenings(Toy(), [1])
    evaluate(Measurement(loaded, Toy(), tmp_path, 60), wanted)
    seed = training_seed("toy/one", SCREENING)
    assert loaded.family.calls == [(f"program = {codes}", 1_000, 60, seed) for codes in Toy().stage(1)]
    found = outcomes(tmp_path, Toy(), wanted)
    assert {str(outcome.evaluation.status) for outcome in found.values()} == {"ok", "invalid"}
    best = found[Training((0, 0))]
    assert best.program == Program("program = (0, 0)").id
    assert best.evaluation == Evaluation(Status.OK, 0.25, -3.0, {"mae": 0.125}, "told")


def test_what_is_stopped_goes_on_without_a_second_evaluation(tmp_path, loaded):
    wanted = screenings(Toy(), Toy().stages)
    loaded.family.stop = 2
    with pytest.raises(KeyboardInterrupt):
        evaluate(Measurement(loaded, Toy(), tmp_path, 60), wanted)
    assert len(outcomes(tmp_path, Toy(), wanted)) == 2
    loaded.family.stop = None
    evaluate(Measurement(loaded, Toy(), tmp_path, 60), wanted, limit=1)
    told = []
    evaluate(Measurement(loaded, Toy(), tmp_path, 60, workers=2, progress=lambda *step: told.append(step[:2])), wanted)
    assert told == [(3, 6), (4, 6), (5, 6), (6, 6)]
    assert len(loaded.family.calls) == len({source for source, *_ in loaded.family.calls}) == 6


def test_a_folder_of_something_else_or_a_damaged_file_is_refused(tmp_path, loaded):
    wanted = [Training((0, 0))]
    evaluate(Measurement(loaded, Toy(), tmp_path, 60), wanted)
    with pytest.raises(ZfbenchError, match="holds evaluations with seconds = 60, not 61; choose another folder"):
        evaluate(Measurement(loaded, Toy(), tmp_path, 61), wanted)
    loaded.task.data_sha256 = "1" * 64
    with pytest.raises(ZfbenchError, match=r"data_sha256 = 0{64}, not 1{64}; choose another folder"):
        evaluate(Measurement(loaded, Toy(), tmp_path, 60), wanted)
    path = tmp_path / EVALUATIONS / wanted[0].file
    whole = json.loads(path.read_text())
    path.write_text(json.dumps(whole | {"program": "0" * 64}))
    with pytest.raises(DamagedFileError, match="is of another program; remove it"):
        outcomes(tmp_path, Toy(), wanted)
    path.write_text('{"codes":')
    with pytest.raises(DamagedFileError, match="remove it, and it is measured again"):
        outcomes(tmp_path, Toy(), wanted)


def test_an_outcome_is_what_a_search_with_the_usual_screening_is_told(tmp_path, data_cache, monkeypatch):
    """A search's evaluator and seed, on few updates, against the file of the table."""
    loaded = find_task("zfish-tiny/masked")
    space = RateSubspace(loaded.task.spec)
    training = Training(space.truth, updates=2)
    evaluate(Measurement(loaded, space, tmp_path, 300.0), [training])
    plan = Plan("zfish-tiny/masked", "best_of_n", "grammar", Budget(evaluations=2, updates=2), seed=7)
    seed = training_seed(loaded.task.spec.name, SCREENING)
    expected = loaded.family.evaluator(loaded.task, plan.candidate, None)(Program(space.source(space.truth)), seed)
    found = outcomes(tmp_path, space, [training])[training].evaluation
    assert (found.loss, found.metrics, found.feedback) == (expected.loss, expected.metrics, expected.feedback)
