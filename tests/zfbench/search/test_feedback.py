from dataclasses import replace

import numpy as np

from zfbench.programs.report import TrainingReport
from zfbench.scoring.forecast import Breakdown
from zfbench.search.feedback import feedback

REPORT = TrainingReport("one_step", 0.01, 12, False, 100, 50, 3.0, False, ((50, 2.0), (100, 0.5)), ((0, 1.0),))
MAE = Breakdown(0.2, tuple(np.linspace(0.1, 0.3, 32)), {}, {"A": 0.1, "B": 0.3, "C": None}, {"left": 0.2})
TARGET = np.random.default_rng(0).random((5, 32, 3), np.float32)
NEURONS = ("u", "v", "w")


def text(prediction=TARGET, report=REPORT, skill=0.25):
    return feedback(MAE, skill, {"A": 0.05, "B": 0.01}, prediction, TARGET, NEURONS, report)


def test_groups_are_listed_worst_first_free_and_isolated():
    assert "by neuron group, worst first: B 0.3000, A 0.1000." in text()
    assert "follow the recording, worst first: A 0.0500, B 0.0100." in text()


def test_horizon_condition_skill_and_training_are_told():
    lines = text()
    assert "steps ahead: 1: 0.1000, 4: 0.1194, 16: 0.1968, 32: 0.3000." in lines
    assert "by condition: left 0.2000." in lines
    assert "skill over the last value 0.250" in lines
    assert "one_step at 0.01, 12 parameters, 100 updates, best after 50; training loss 2 to 0.5." in lines
    assert "skill" not in text(skill=None)


def test_forecasts_out_of_range_or_standing_still_are_named():
    prediction = TARGET.copy()
    prediction[..., 0] = 0.5
    prediction[:, :8, 1] = 3.0
    assert "stand still: u." in text(prediction)
    assert "outside the recorded range: v 25%." in text(prediction)
    assert "outside" not in text()
    assert "still" not in text()


def test_text_does_not_depend_on_the_clock_but_tells_of_a_time_limit():
    assert text(report=replace(REPORT, seconds=9.9)) == text()
    assert "time limit" in text(report=replace(REPORT, stopped_early=True))
