"""One traced interpreter serves one program after another."""

import math

import numpy as np
import pytest

from zfbench.forecasting import interpreter
from zfbench.forecasting.contract import TrainingChoice
from zfbench.forecasting.interpreter import InterpreterPool
from zfbench.records.interpretation import Interpretation
from zfbench.records.limits import Limits
from zfbench.sandbox.choose import open_sandbox

LIMITS = Limits(updates=4, seconds=120)
SCALED = """\
import flax.linen as nn
import jax


class Model(nn.Module):
    spec: object

    def initial_state(self, batch):
        return ()

    @nn.compact
    def __call__(self, state, activity, drive):
        rate = self.param("rate", nn.initializers.constant(0.1), (activity.shape[1],))
        gene = self.param("gene", nn.initializers.zeros, ())
        return state, activity * (1 - rate) + jax.lax.stop_gradient(gene)
"""


def program(gene, numbers=7):
    given = {"gene": np.float32(gene)}
    return Interpretation(SCALED, given, {"loss": "one_step", "learning_rate": 0.01}, numbers)


def test_programs_of_one_interpreter_are_traced_once_and_differ_by_what_is_given(system, monkeypatch):
    traced = []
    original = interpreter.trace_program
    monkeypatch.setattr(interpreter, "trace_program", lambda *a: traced.append(a[0]) or original(*a))
    paths = {}
    with open_sandbox("process") as sandbox, InterpreterPool(system.unmasked, system.train, LIMITS, sandbox) as pool:
        for gene in (0.0, 0.5, 0.0):
            with pool.fit(program(gene), 3, math.inf) as fitted:
                assert (fitted.report.parameters, fitted.report.loss) == (7, "one_step")
                paths.setdefault(gene, []).append(fitted.forecast(system.context, system.drive))
    assert traced == [SCALED]
    np.testing.assert_array_equal(*paths[0.0])
    assert np.abs(paths[0.0][0] - paths[0.5][0]).max() > 0.1


def test_a_choice_of_training_that_does_not_exist_is_not_made_silently(system):
    with open_sandbox("process") as sandbox, InterpreterPool(system.unmasked, system.train, LIMITS, sandbox) as pool:
        odd = Interpretation(SCALED, {}, {"losses": "one_step"}, 1)
        with pytest.raises(TypeError):
            pool.fit(odd, 0, math.inf)
    assert TrainingChoice(**program(0).training) == TrainingChoice("one_step", 0.01)
