"""What a program learns beyond its training data comes back to its author in feedback, so it must not be secret."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from zfbench.forecasting.contract import EXAMPLE
from zfbench.forecasting.evaluator import ProgramEvaluator
from zfbench.forecasting.fit import fit_program, tracing_job
from zfbench.forecasting.report import TrainingReport
from zfbench.records.limits import Limits
from zfbench.records.program import Program
from zfbench.records.recordings import LabelledWindows, TaskSpec, Windows

BRIEF = Limits(updates=1, seconds=120)
TALKATIVE = EXAMPLE.replace(
    "def initial_state(self, batch):", "def initial_state(self, batch):\n        print('told', vars(self.spec))"
)


@pytest.fixture
def anonymous(system) -> TaskSpec:
    return system.unmasked.anonymised("six units")


def test_a_program_of_an_anonymous_task_is_told_neither_the_tasks_name_nor_any_of_the_systems(system, anonymous):
    assert anonymous.name == system.spec.name == "leaky/masked"  # results and tables still say which task it is
    with fit_program(TALKATIVE, anonymous, system.train, BRIEF, 0) as fitted:
        printed = fitted.stdout
    assert "told" in printed
    assert "'description': 'six units'" in printed
    for word in (system.spec.name, "leaky", system.spec.description, *system.spec.neurons, *system.spec.groups):
        assert not re.search(rf"['\"/ ]{re.escape(word)}['\"/ ]", printed)


@pytest.mark.parametrize("hides", [True, False])
def test_only_an_anonymous_tasks_name_is_withheld_and_nothing_else_changes(system, anonymous, hides):
    spec = anonymous if hides else system.spec
    told = tracing_job(EXAMPLE, spec).fields["spec"]
    assert told == {**spec.to_json(), "name": "anonymous" if hides else "leaky/masked"}


class Prints:
    """A fitted program that prints a note whenever it is called, and all that it is made to follow."""

    report = TrainingReport("one_step", 0.1, 0, False, 1, 1, 1.0, False, (), ())

    def __init__(self):
        self.stdout = "trained. "

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def forecast(self, context, drive):
        self.stdout += "forecast. "
        return np.repeat(context[:, -1:], drive.shape[1] - context.shape[1], axis=1)

    def rollout(self, context, drive, clamp=None):
        path = self.forecast(context, drive)
        if clamp is not None:
            self.stdout += f"led by {clamp.value[np.broadcast_to(clamp.mask[:, None], clamp.value.shape)].tolist()}. "
        return path


@pytest.fixture
def task(system):
    B = len(system.target)
    windows = LabelledWindows(Windows(("left",) * B, system.context, system.drive), system.target)
    return SimpleNamespace(spec=system.unmasked, train=system.train, validation=windows)


def test_what_a_program_prints_while_the_recording_leads_it_is_no_feedback(task, monkeypatch):
    fitted = Prints()
    monkeypatch.setattr(ProgramEvaluator, "_fit", lambda *_: fitted)
    feedback = ProgramEvaluator(task, BRIEF)(Program(EXAMPLE), 0).feedback
    assert "led by" in fitted.stdout  # it was handed the validation targets, and printed them
    assert feedback.endswith("It printed: trained. forecast. ")
