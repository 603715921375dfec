"""Results of every kind, and the page that they make."""

import json

import numpy as np
import pytest

from zfbench.leaderboard.board import boards
from zfbench.leaderboard.claims import Claim, Comparison
from zfbench.leaderboard.site.build import build
from zfbench.leaderboard.verdicts import check
from zfbench.records.program import Program
from zfbench.records.result import Evaluated, ProgramRecord
from zfbench.records.spend import Spend


@pytest.fixture
def nasty():
    """A name that would run as script where it is not escaped."""
    return '<script>alert("x")</script>'


@pytest.fixture
def evaluated():
    """Makes a program that a search evaluated, by its number and loss."""

    def program(number, loss, parents=(), name="cafe"):
        spend = Spend(evaluations=number, device_seconds=2.0 * number)
        status = "ok" if loss is not None else "error"
        name = name[:12] if number in (3, 4) else "ab"
        return Evaluated(program=name, operator="mutate", parents=parents, status=status, loss=loss, spend=spend)

    return program


def scores(id_, ood):
    errors = {"forecast/id/mae": id_, "forecast/ood/mae": ood, "forecast/ood/mae_sd/group/MN": ood}
    headlines = {f"headline/{part}": 1 - 2 * ood for part in ("generalisation", "wiring", "responses", "mean")}
    return errors | headlines | {"dynamics/impulse/error": 0.5}


@pytest.fixture
def results(make, search_method, evaluated, nasty):
    curves = {
        "forecast/steps": [1.0, 2.0, 3.0],
        "forecast/id/mae": [0.1, 0.2, 0.3],
        "forecast/ood/mae": [0.2, 0.3, 0.4],
    }
    pictures = {
        "forecast/ood/example/MN": np.array([0.1, 0.5, 0.9], np.float16),
        "dynamics/impulse/example/MN to SW": np.array([0.01, -0.02], np.float16),
        "connectivity/mean_jacobian": np.array([[0.9, 0.2], [-0.3, 0.8]], np.float16),
    }
    source = "x = 1  # <b>\n"
    program = ProgramRecord(id=Program(source).id, source=source)
    better = "x = 2  # <b>\n"
    winner = ProgramRecord(id=Program(better).id, source=better)
    search = (
        evaluated(1, None),
        evaluated(2, 0.4, (1,)),
        evaluated(3, 0.2, (1, 2)),
        evaluated(4, 0.3, (2,), winner.id),
    )
    finals = (
        {"program": "cafe", "screened_loss": 0.2, "full_loss": None, "status": "timeout", "source": "y = 1  # <i>\n"},
        {"program": winner.id, "screened_loss": 0.3, "full_loss": 0.1, "status": "ok", "source": better}
        | {"change": "--- a\n+++ b\n@@ -1 +1 @@\n-x = 1  # <b>\n+x = 2  # <b>"},
    )
    pictured = {"curves": curves, "drive": True}
    found = [
        make("oracle", kind="control", metrics=scores(0.0, 0.0), **pictured).with_pictures(pictures),
        make("oracle", kind="control", track="masked", metrics=scores(0.0, 0.0), **pictured).with_pictures(pictures),
        make("last_value", metrics=scores(0.3, 0.35), curves=curves).with_pictures(pictures),
        make("last_value", track="masked", metrics={"forecast/validation/mae": 0.5}),
        make("mask_only", kind="control", track="masked", drive=None, metrics={"connectivity/wiring/lift": 0.2}),
        make(
            nasty, kind="program", metrics=scores(0.05, 0.2), notes=(nasty,), program=program, **pictured
        ).with_pictures(pictures),
        make(
            **search_method(settings={"c": 2.0}, options={"ideas": (nasty,)}),
            track="masked",
            metrics=scores(0.04, 0.06),
            evaluated=search,
            finals=finals,
            program=winner,
            spend=Spend(evaluations=8),
        ),
    ]
    nets = [
        make("net", kind="program", track="masked", seed=i, metrics=scores(0.1, 0.1 + i / 100), **pictured)
        for i in range(3)
    ]
    return [*found, nets[0].with_pictures(pictures), *nets[1:]]


@pytest.fixture
def answers(results):
    """A claim that the results decide, and one that they do not."""
    sides = {
        "left": {"method": "net", "task": "zfish-tiny/masked"},
        "metric": "forecast/ood/mae",
        "effect": 0.0,
        "seeds": 3,
    }
    lower = Comparison.model_validate(
        sides | {"right": {"method": "last_value", "task": "zfish-tiny/driven"}, "relation": "lower"}
    )
    nobody = Comparison.model_validate(
        sides | {"right": {"method": "nobody", "task": "zfish-tiny/masked"}, "relation": "lower"}
    )
    claims = [
        Claim(id=name, source="a paper", text=f"{name}: nets <win>.", tests=(test,))
        for name, test in (("decided", lower), ("open", nobody))
    ]
    return [check(claim, results) for claim in claims]


@pytest.fixture
def site(tmp_path, results, answers):
    return build(boards(results), tmp_path / "site", answers)


@pytest.fixture
def index(site):
    return site[0].read_text()


@pytest.fixture
def numbers(site):
    """What the page's script is given."""
    text = next(p for p in site if p.name == "numbers.js").read_text()
    return json.loads(text.removeprefix("const numbers = ").removesuffix(";\n"))
