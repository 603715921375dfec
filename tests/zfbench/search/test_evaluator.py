import pickle
import re

import numpy as np
import pytest

from zfbench.errors import ZfbenchError
from zfbench.forecaster import Limits
from zfbench.programs.contract import EXAMPLE, Status
from zfbench.programs.sandbox import fit_program
from zfbench.search.evaluator import InterpretedEvaluator, ProgramEvaluator
from zfbench.search.types import Program

BRIEF = Limits(updates=20, seconds=120)


@pytest.fixture(scope="module")
def evaluation(driven):
    return ProgramEvaluator(driven, BRIEF)(Program(EXAMPLE), 5)


def test_the_loss_is_the_validation_mae_of_the_trained_program(driven, evaluation):
    inputs = driven.validation.inputs
    with fit_program(EXAMPLE, driven.spec, driven.train, BRIEF, 5) as fitted:
        error = np.abs(fitted.forecast(inputs.context, inputs.drive).astype(float) - driven.validation.target)
    assert evaluation.status == Status.OK
    assert evaluation.loss == pytest.approx(error.mean(), rel=1e-6)
    for group in ("BG", "MN"):
        expected = error[:, :, driven.spec.indices(group)].mean()
        assert evaluation.metrics[f"mae/group/{group}"] == pytest.approx(expected, rel=1e-6)


def test_feedback_says_where_the_error_sits_and_follows_from_the_seed(driven, evaluation):
    assert f"{evaluation.loss:.4f}" in evaluation.feedback
    worst = max((k for k in evaluation.metrics if "/group/" in k), key=evaluation.metrics.__getitem__)
    assert f"worst first: {worst.removeprefix('mae/group/')} " in evaluation.feedback
    again = ProgramEvaluator(driven, BRIEF)(Program(EXAMPLE), 5)
    assert again.feedback == evaluation.feedback
    assert again.metrics == evaluation.metrics


def test_spend_counts_one_evaluation_and_its_updates(evaluation):
    assert evaluation.spend.evaluations == 1
    assert evaluation.spend.updates == 20
    assert evaluation.spend.device_seconds > 0


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("def", Status.INVALID),
        (EXAMPLE.replace("return state, activity", "return state, jnp.nan * activity"), Status.NON_FINITE),
        (EXAMPLE.replace("return state, activity", "raise ValueError('no'); return state, activity"), Status.ERROR),
    ],
)
def test_failures_are_evaluations_with_a_sentence(driven, source, status):
    evaluation = ProgramEvaluator(driven, BRIEF)(Program(source), 0)
    assert evaluation.status == status
    assert evaluation.loss is None
    assert evaluation.feedback
    assert evaluation.spend.evaluations == 1


def test_a_dense_program_violates_the_mask(masked):
    evaluation = ProgramEvaluator(masked, BRIEF)(Program(EXAMPLE), 0)
    assert evaluation.status == Status.MASK_VIOLATION
    moved, changed = re.findall(r"'(\w+)'", evaluation.feedback)
    index = masked.spec.neurons.index
    assert not masked.spec.mask[index(moved), index(changed)]


def test_the_fast_path_is_not_sent_to_other_machines():
    with pytest.raises(ZfbenchError, match="leave out --fast-path"):
        pickle.dumps(InterpretedEvaluator(None, None, None))
