from dataclasses import replace

import numpy as np

from zfbench.forecasting.feedback import feedback
from zfbench.forecasting.report import TrainingReport
from zfbench.records.recordings import BALANCED, PLAIN
from zfbench.scoring.forecast import Breakdown, ForecastScore, skill

REPORT = TrainingReport("one_step", 0.01, 12, False, 100, 50, 3.0, False, ((50, 2.0), (100, 0.5)), ((0, 1.0),))
MAE = Breakdown(0.2, tuple(np.linspace(0.1, 0.3, 32)), {"A": 0.1, "B": 0.3, "C": None}, {"left": 0.2})
TARGET = np.random.default_rng(0).random((5, 32, 3), np.float32)
NEURONS = ("u", "v", "w")


LAST = Breakdown(0.4, (0.4,) * 32, {"A": 0.2, "B": 0.3, "C": None}, {"left": 0.4})


def text(prediction=TARGET, report=REPORT, last=LAST, objective=PLAIN, target=TARGET, neurons=NEURONS):
    score = ForecastScore(MAE, MAE, last, skill(MAE, last))
    return feedback(score, objective, {"A": 0.05, "B": 0.01}, prediction, target, neurons, report)


def test_the_loss_is_told_first_and_what_it_is():
    assert text().startswith("Validation MAE 0.2000; skill")
    lines = text(objective=BALANCED).splitlines()
    loss = np.sqrt((0.1 + 0.002) / 0.202 * (0.3 + 0.003) / 0.303)
    assert lines[0] == f"Validation loss {loss:.4f}: group-balanced relative error, 1 for the last value."
    assert lines[1].startswith("Validation MAE 0.2000; skill")
    assert lines[2] == "MAE by neuron group as a share of the last value's, worst first: B 1.0000, A 0.5000."
    assert lines[3:] == text().splitlines()[1:]


def test_groups_are_listed_worst_first_free_and_isolated():
    assert "by neuron group, worst first: B 0.3000, A 0.1000." in text()
    assert "follow the recording, worst first: A 0.0500, B 0.0100." in text()


def test_horizon_condition_skill_and_training_are_told():
    lines = text()
    assert "steps ahead: 1: 0.1000, 4: 0.1194, 16: 0.1968, 32: 0.3000." in lines
    assert "by condition: left 0.2000." in lines
    assert "skill over the last value 0.500" in lines
    assert "Training: one_step at 0.01, best after 50 updates; loss by update: 50: 2, 100: 0.5." in lines
    assert "Cost: 12 parameters, 100 updates." in lines
    assert "skill" not in text(last=replace(LAST, overall=0.0))


def test_forecasts_out_of_range_or_standing_still_are_named():
    prediction = TARGET.copy()
    prediction[..., 0] = 0.5
    prediction[:, :8, 1] = 3.0
    assert "stand still: u." in text(prediction)
    assert "outside the recorded range: v 25%." in text(prediction)
    assert "outside" not in text()
    assert "still" not in text()


def test_training_curve_is_told_by_a_few_points_from_end_to_end():
    curve = tuple((10 * k, 100.0 / k) for k in range(1, 42))
    assert "loss by update: 10: 100, 110: 9.09, 210: 4.76, 310: 3.23, 410: 2.44." in text(
        report=replace(REPORT, loss_curve=curve)
    )
    assert "best after 50 updates.\n" in text(report=replace(REPORT, loss_curve=()))


def test_stability_is_the_share_of_forecasts_that_end_far_outside_the_recording():
    assert "Stability: no forecast runs away." in text()
    prediction = TARGET.copy()
    prediction[:, -2, 0] = 50.0  # but it comes back
    prediction[:, -1, 1] = 1.9  # outside, but not far
    assert "no forecast runs away" in text(prediction)
    prediction[0, -1, 1] = 2.1
    prediction[:2, -1, 2] = -1.1
    assert "Stability: 20.0% of forecasts run away, worst w 40%, v 20%." in text(prediction)


def test_saturation_is_the_share_of_pinned_neurons_beside_that_of_the_recording():
    assert "Saturation: 0% of neurons are at a bound of their forecasts most of the time, 0% in the rec" in text()
    prediction = TARGET.copy()
    prediction[:, :20, 0] = prediction[..., 0].max()
    prediction[:, :20, 1] = prediction[..., 1].min()
    prediction[:, :12, 2] = prediction[..., 2].max()  # less than half of the time
    assert "Saturation: 67% of neurons" in text(prediction)
    recorded = TARGET.copy()
    recorded[:, 8:, 2] = 0.0
    pinned = "0% of neurons are at a bound of their forecasts most of the time, 33% in the recording."
    assert pinned in text(target=recorded)


def test_text_stays_short():
    wide = np.random.default_rng(1).normal(0, 30, (5, 32, 60)).astype(np.float32)
    names = tuple(f"neuron{k}" for k in range(60))
    long = replace(REPORT, loss_curve=tuple((k, 1.0) for k in range(10_000)))
    told = text(wide, long, objective=BALANCED, target=wide / 100, neurons=names)
    assert "run away" in told
    assert len(told.splitlines()) == 12
    assert max(map(len, told.splitlines())) < 250


def test_text_does_not_depend_on_the_clock_but_tells_of_a_time_limit():
    assert text(report=replace(REPORT, seconds=9.9)) == text()
    assert "time limit" in text(report=replace(REPORT, stopped_early=True))
