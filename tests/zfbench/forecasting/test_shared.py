"""Evaluations that searches share."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.forecasting import evaluator as evaluators
from zfbench.forecasting import shared
from zfbench.forecasting.contract import EXAMPLE
from zfbench.forecasting.evaluator import ProgramEvaluator
from zfbench.protocols.task import Evaluator
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Program, Status
from zfbench.runs.tasks import find_task
from zfbench.sandbox.choose import open_sandbox
from zfbench.sandbox.process import ProcessSandbox

BRIEF = Limits(updates=3, seconds=120)
RENAMED = Program(EXAMPLE + "\n# Another text of the same step.\n")


@pytest.fixture
def trainings(monkeypatch):
    """The seeds of all trainings."""
    seeds, fit = [], evaluators.fit_step

    def counted(traced, spec, train, limits, seed, *rest):
        seeds.append(seed)
        return fit(traced, spec, train, limits, seed, *rest)

    monkeypatch.setattr(evaluators, "fit_step", counted)
    return seeds


def test_an_equal_program_is_trained_once_and_counts_as_before(driven, tmp_path, trainings):
    first = ProgramEvaluator(driven, BRIEF).shared(tmp_path)(Program(EXAMPLE), 5)
    again = ProgramEvaluator(driven, BRIEF).shared(tmp_path)(RENAMED, 5)
    assert first.status is Status.OK
    assert again == first
    assert again.spend.updates == 3
    assert trainings == [5]


def test_what_is_shared_is_what_would_be_measured(driven, tmp_path):
    kept = ProgramEvaluator(driven, BRIEF).shared(tmp_path)
    alone = ProgramEvaluator(driven, BRIEF)(Program(EXAMPLE), 5)
    for found in (kept(Program(EXAMPLE), 5), kept(Program(EXAMPLE), 5)):
        assert replace(found, spend=alone.spend) == alone


def test_all_that_an_evaluation_depends_on_makes_another_one(driven, tmp_path, trainings, monkeypatch):
    other = find_task(f"{driven.spec.name}@plain_mae").task
    measured_anew = copy.copy(driven)
    measured_anew.data_sha256 = "0" * 64
    trace, traces = evaluators.trace_program, {}

    def traced_once(source, *rest):
        if source not in traces:
            traces[source] = trace(source, *rest)
        return traces[source]

    def counted(traced, spec, train, limits, seed, *rest):
        trainings.append(seed)
        raise CandidateError(Status.ERROR, "That it would be trained is enough to know here.")

    with open_sandbox() as box, ProcessSandbox(device="gpu") as gpu:

        def trained(task=driven, limits=BRIEF, source=EXAMPLE, seed=5, sandbox=box):
            """The seeds of the trainings of one evaluation."""
            trainings.clear()
            ProgramEvaluator(task, limits, sandbox).shared(tmp_path)(Program(source), seed)
            return list(trainings)

        monkeypatch.setattr(evaluators, "trace_program", traced_once)
        assert trained() == [5]
        monkeypatch.setattr(evaluators, "fit_step", counted)
        assert trained() == []
        assert trained(seed=6) == [6]
        assert trained(limits=replace(BRIEF, updates=4)) == [5]
        assert trained(limits=replace(BRIEF, seconds=90)) == [5]
        assert trained(other) == [5]
        assert trained(measured_anew) == [5]
        assert trained(source=EXAMPLE.replace("curriculum", "one_step")) == [5]  # the same step, trained otherwise
        assert trained(sandbox=gpu) == [5]
        for name in ("library_versions", "features", "_code"):
            with monkeypatch.context() as patch:
                patch.setattr(shared, name, lambda: "another")
                assert trained() == [5], name
        assert trained() == []


def test_what_a_program_prints_is_its_own(driven, tmp_path):
    kept = ProgramEvaluator(driven, BRIEF).shared(tmp_path)
    silent, loud = kept(Program(EXAMPLE), 5), kept(Program(EXAMPLE + "\nprint('hello')\n"), 5)
    assert "It printed: hello" in loud.feedback
    assert "It printed" not in silent.feedback
    assert loud.loss == silent.loss


def test_failures_are_not_shared(driven, tmp_path):
    kept = ProgramEvaluator(driven, BRIEF).shared(tmp_path)
    assert kept(Program(EXAMPLE + "\nx = 1 / 0\n"), 5).status is Status.ERROR
    assert not list(tmp_path.rglob("*.json"))


def test_a_training_that_the_clock_ended_is_not_shared(driven, tmp_path, monkeypatch):
    """Another machine would have come further."""
    fit = evaluators.fit_step

    def ended_early(*given):
        fitted = fit(*given)
        fitted.report = replace(fitted.report, stopped_early=True)
        return fitted

    monkeypatch.setattr(evaluators, "fit_step", ended_early)
    assert ProgramEvaluator(driven, BRIEF).shared(tmp_path)(Program(EXAMPLE), 5).status is Status.OK
    assert not list(tmp_path.rglob("*.json"))


def test_a_damaged_file_is_named(driven, tmp_path):
    kept = ProgramEvaluator(driven, BRIEF).shared(tmp_path)
    kept(Program(EXAMPLE), 5)
    (path,) = tmp_path.rglob("*.json")
    path.write_text(json.dumps({"status": "ok"}))
    with pytest.raises(DamagedFileError, match=f"{path.name} holds no evaluation"):
        kept(Program(EXAMPLE), 5)


def test_a_file_that_was_copied_to_another_evaluations_place_is_refused(driven, tmp_path):
    kept = ProgramEvaluator(driven, BRIEF).shared(tmp_path)
    kept(Program(EXAMPLE), 5)
    (good,) = tmp_path.rglob("*.json")
    kept(Program(EXAMPLE), 6)
    (other,) = set(tmp_path.rglob("*.json")) - {good}
    other.write_text(good.read_text())
    with pytest.raises(DamagedFileError, match="that of something else"):
        kept(Program(EXAMPLE), 6)


@pytest.mark.parametrize(
    "poison", [{"spend": {}}, {"spend": {"evaluations": 0, "updates": 3}}, {"status": "error", "loss": None}]
)
def test_an_evaluation_that_costs_nothing_or_failed_is_refused(driven, tmp_path, poison):
    kept = ProgramEvaluator(driven, BRIEF).shared(tmp_path)
    kept(Program(EXAMPLE), 5)
    (path,) = tmp_path.rglob("*.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | poison))
    with pytest.raises(DamagedFileError, match="counts as one evaluation"):
        kept(Program(EXAMPLE), 5)


def test_a_task_whose_evaluations_are_not_shared_says_so(tmp_path):
    with pytest.raises(ZfbenchError, match="are not shared; leave out the folder"):
        Evaluator().shared(tmp_path)
