"""Answers that are written down in code, and what docs/security.md says is not seen, or seen in part."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass

import numpy as np
import pytest
from false_models import PUBLISHED
from hostile import program

from zfbench.forecasting.fit import fit_program
from zfbench.forecasting.judge import Judge
from zfbench.forecasting.report import TrainingReport
from zfbench.records.limits import Limits
from zfbench.scoring.headline import generalisation
from zfbench.scoring.objective import balanced_error
from zfbench.scoring.source import UNTRAINED_NOTE
from zfbench.testbed.transition import transition

MATRICES = ("weights", "drive_weights", "omega_drive", "bias_drive", "leak_drive", "reset_drive")
DECODE = """
import base64, json, zlib
T = {{name: np.array(v, np.float32) for name, v in json.loads(zlib.decompress(base64.b85decode({text!r}))).items()}}
def truth(a, x):
    u = a @ T["weights"].T + x @ T["drive_weights"].T
    for target, source, channel, size in T["modulations"]:
        u = u.at[:, int(target)].add(size * a[:, int(source)] * x[:, int(channel)])
    for target, p, q, gain in T["gates"]:
        u = u.at[:, int(target)].add(gain * jnp.minimum(a[:, int(p)], a[:, int(q)]))
    u = u - T["bias"] - x @ T["bias_drive"].T
    target = jnp.where(T["linear"] > 0, u, nn.sigmoid((T["omega"] + x @ T["omega_drive"].T) * u))
    leak = T["alpha"] * (1 + x @ T["leak_drive"].T)
    return (1 - x @ T["reset_drive"].T) * ((1 - leak) * a + leak * target)
"""


def encoded() -> str:
    """A program that holds the published circuit as compressed text; its only parameter begins at 0 and adds it."""
    circuit = PUBLISHED
    tables = {name: np.asarray(getattr(circuit, name)).tolist() for name in ("alpha", "omega", "bias", *MATRICES)}
    tables["linear"] = [float(kind == "linear") for kind in circuit.kinds]
    tables["gates"] = [[g.target, g.p, g.q, g.gain] for g in circuit.gates]
    tables["modulations"] = [[m.target, m.source, m.channel, m.coefficient] for m in circuit.modulations]
    text = base64.b85encode(zlib.compress(json.dumps(tables).encode(), 9)).decode()
    return program(DECODE.format(text=text), "following = truth(activity, drive) + rate * 0")


@dataclass
class Judged:
    """A fitted program as the judge sees it, but that it repeats the last value, for time."""

    source: str
    report: TrainingReport

    def close(self):
        pass

    def fit(self, train, validation, limits):
        pass

    def forecast(self, context, drive):
        return np.repeat(context[:, -1:], drive.shape[1] - context.shape[1], axis=1)


@pytest.mark.parametrize(("source", "knew"), [(encoded(), True), (program(), False)], ids=["encoded", "honest"])
def test_a_program_that_forecasts_before_it_is_trained_is_flagged(arena, driven, driven_judge, source, knew):
    """No number of the tables stands in the text of the first one."""
    with fit_program(source, driven.spec, driven.train, Limits(2, 600.0), 0, arena.sandbox) as fitted:
        report = fitted.report
    scores = Judge(driven_judge.sealed).score(Judged(source, report))
    assert scores.metrics["source/table_share"] < 0.2
    assert (UNTRAINED_NOTE in scores.notes) == knew


class FirstStep:
    """A forecaster of windows that takes its first step from the true circuit, and then repeats the last value."""

    one_step_map = True

    def fit(self, train, validation, limits):
        pass

    def forecast(self, context, drive):
        C = context.shape[1]
        path = np.repeat(context[:, -1:], drive.shape[1] - C, axis=1)
        path[:, 0] = transition(PUBLISHED, context[:, -1].astype(float), drive[:, C].astype(float))
        return path


def test_a_forecaster_of_whole_windows_can_show_a_wiring_in_its_first_step_alone(driven_judge):
    metrics = Judge(driven_judge.sealed).score(FirstStep()).metrics
    assert metrics["headline/wiring"] == pytest.approx(1)
    assert metrics["headline/generalisation"] == pytest.approx(0, abs=1e-3)
    assert "headline/mean" not in metrics


def test_the_loss_of_a_search_rewards_some_groups_perfect_and_all_others_wrong():
    groups, perfect = [f"g{k}" for k in range(17)], 8
    errors = {name: 0.0 if k < perfect else 2.0 for k, name in enumerate(groups)}
    target = np.zeros((1, 1, 17))
    prediction = np.array([[[errors[name] for name in groups]]])
    assert balanced_error(errors, dict.fromkeys(groups, 1.0)) == pytest.approx(0.164, abs=1e-3)
    judged = generalisation(prediction, target, np.ones_like(target), groups)
    assert judged.value == pytest.approx(-1 / 17)
