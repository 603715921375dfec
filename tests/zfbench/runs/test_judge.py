from types import SimpleNamespace

import pytest

from zfbench.base.errors import UnknownNameError
from zfbench.engine.serialise import ENGINE
from zfbench.forecasting.contract import EXAMPLE
from zfbench.records.limits import Limits
from zfbench.records.result import MethodRecord
from zfbench.records.spend import Spend
from zfbench.runs.judge import judge_baseline, judge_program
from zfbench.runs.tasks import load_task
from zfbench.sandbox.choose import name_of
from zfbench.sandbox.process import ProcessSandbox

BRIEF = Limits(updates=20, seconds=120)
READS_ALL = EXAMPLE.replace("jnp.ones((n, n)) if self.spec.mask is None else self.spec.mask", "jnp.ones((n, n))")
PROGRAM = MethodRecord(name="example", kind="program")


@pytest.fixture(scope="module")
def judged(loaded_driven):
    """The example, judged with seed 1 after a search, and the stages that were told."""
    stages = []
    before = Spend(evaluations=3, updates=60, tokens=7)
    return judge_program(EXAMPLE, PROGRAM, loaded_driven, 1, BRIEF, before, stages.append), stages


def test_a_result_names_the_sandbox_and_the_engine_and_a_method_without_a_program_has_none(loaded_driven, judged):
    with ProcessSandbox() as box:
        program = judge_program(EXAMPLE, PROGRAM, loaded_driven, 0, Limits(updates=2), sandbox=box)
    assert program.status == "ok"
    assert (program.machine.sandbox, program.machine.engine) == ("process", "graph of operations, format 1")
    assert (judged[0].machine.sandbox, judged[0].machine.engine) == (name_of(None), ENGINE)
    reference = judge_baseline("driven_mlp", loaded_driven, 0, Limits(updates=2))
    assert (reference.machine.sandbox, reference.machine.engine) == (name_of(None), ENGINE)
    control = judge_baseline("last_value", loaded_driven, 0, BRIEF)
    assert (control.machine.sandbox, control.machine.engine) == ("none", "none")


def test_a_program_is_judged_with_its_source_and_spend(judged):
    result, stages = judged
    assert result.status == "ok"
    assert result.program.source == EXAMPLE
    assert result.program.validation_loss == result.metrics["forecast/validation/balanced_error"]
    assert result.spend.evaluations == 3
    assert result.spend.updates == 80
    assert result.spend.tokens == 7
    assert result.limits["updates"] == 20
    assert stages == ["fit", "forecast", "connectivity", "dynamics", "intervention"]


def test_equal_seeds_give_equal_results_and_others_do_not(loaded_driven, judged):
    first, second = (judge_program(EXAMPLE, PROGRAM, loaded_driven, 0, BRIEF) for _ in range(2))
    assert first.comparable() == second.comparable()
    assert first.metrics != judged[0].metrics


def test_a_program_that_reads_what_the_mask_forbids_is_a_violation(loaded_masked):
    assert READS_ALL != EXAMPLE
    result = judge_program(READS_ALL, PROGRAM, loaded_masked, 0, BRIEF)
    assert result.status == "mask_violation"
    assert result.metrics == {}
    assert len(result.notes) == 1
    assert result.program.source == READS_ALL
    assert result.spend.updates == 20  # what failed is paid too
    assert 0 < result.timings["fit"] == result.spend.device_seconds


def test_unknown_names_are_refused(loaded_driven):
    with pytest.raises(UnknownNameError, match="did you mean 'linear'"):
        judge_baseline("lineer", loaded_driven, 0, BRIEF)
    with pytest.raises(UnknownNameError, match="There is no task"):
        load_task("mouse/driven")


def test_a_program_that_explodes_on_validation_is_a_result_with_its_status(loaded_driven, monkeypatch):
    from zfbench.base import plugins
    from zfbench.records.program import CandidateError, Status

    class Explodes:  # its entry alone says of which kind it is
        source = "x"
        report = None
        closed = False

        def fit(self, train, validation, limits):
            pass

        def forecast(self, context, drive):
            raise CandidateError(Status.NON_FINITE, "A forecast became non-finite.")

        def close(self):
            self.closed = True

    model = Explodes()
    _ = loaded_driven.judge  # before nothing else can be loaded
    entry = SimpleNamespace(kind="program", uses_drive=True, depends_on_seed=True)
    monkeypatch.setattr(plugins, "load", lambda *_: entry)
    monkeypatch.setattr(type(loaded_driven.family), "baseline", lambda *_: model)
    result = judge_baseline("explodes", loaded_driven, 0, BRIEF)
    assert result.status == "non_finite"
    assert result.notes == ("A forecast became non-finite.",)
    assert result.metrics == {}
    assert model.closed
