import pytest

from zfbench.assess import assess_baseline, assess_program, load_judge, load_task
from zfbench.errors import UnknownNameError, ZfbenchError
from zfbench.forecaster import Limits
from zfbench.programs.contract import EXAMPLE
from zfbench.results import MethodRecord, Spend

BRIEF = Limits(updates=20, seconds=120)
PROGRAM = MethodRecord(name="example", kind="program")


def test_a_program_is_judged_with_its_source_and_spend(driven, driven_judge):
    before = Spend(evaluations=3, updates=60, tokens=7)
    stages = []
    result = assess_program(EXAMPLE, PROGRAM, driven, driven_judge, 1, BRIEF, before, stages.append)
    assert result.status == "ok"
    assert result.program.source == EXAMPLE
    assert result.program.validation_loss == result.metrics["forecast/validation/mae"]
    assert result.spend.evaluations == 3
    assert result.spend.updates == 80
    assert result.spend.tokens == 7
    assert result.limits["updates"] == 20
    assert stages == ["fit", "forecast", "connectivity", "dynamics", "intervention"]


def test_equal_seeds_give_equal_results_and_others_do_not(driven, driven_judge):
    first, second, other = (assess_program(EXAMPLE, PROGRAM, driven, driven_judge, seed, BRIEF) for seed in (0, 0, 1))
    assert first.comparable() == second.comparable()
    assert first.metrics != other.metrics


def test_a_program_that_reads_what_the_mask_forbids_is_a_violation(masked):
    judge = load_judge("zfish-tiny/masked")
    result = assess_program(EXAMPLE, PROGRAM, masked, judge, 0, BRIEF)
    assert result.status == "mask_violation"
    assert result.metrics == {}
    assert len(result.notes) == 1
    assert result.program.source == EXAMPLE
    assert result.spend.updates == 20  # what failed is paid too
    assert 0 < result.timings["fit"] == result.spend.device_seconds


def test_unknown_names_are_refused(driven, driven_judge):
    with pytest.raises(UnknownNameError, match="did you mean 'linear'"):
        assess_baseline("lineer", driven, driven_judge, 0, BRIEF)
    with pytest.raises(UnknownNameError, match="There is no task"):
        load_task("mouse/driven")


def test_a_family_without_a_sealed_test_cannot_be_judged(monkeypatch):
    class Unsealed:
        def names(self):
            return ("open/task",)

        def load(self, name):
            return None

    from zfbench import plugins

    monkeypatch.setattr(plugins, "names", lambda _: ("open",))
    monkeypatch.setattr(plugins, "load", lambda *_: Unsealed())
    with pytest.raises(ZfbenchError, match="no sealed test"):
        load_judge("open/task")


def test_a_program_that_explodes_on_validation_is_a_result_with_its_status(driven, driven_judge, monkeypatch):
    from zfbench import plugins
    from zfbench.programs.contract import CandidateError, Status

    class Explodes:
        kind = "program"
        closed = False

        def fit(self, train, validation, limits):
            pass

        def forecast(self, context, drive):
            raise CandidateError(Status.NON_FINITE, "A forecast became non-finite.")

        def close(self):
            self.closed = True

    model = Explodes()
    monkeypatch.setattr(plugins, "load", lambda *_: lambda task, seed: model)
    result = assess_baseline("explodes", driven, driven_judge, 0, BRIEF)
    assert result.status == "non_finite"
    assert result.notes == ("A forecast became non-finite.",)
    assert result.metrics == {}
    assert model.closed
