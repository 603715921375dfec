import copy
import re
from dataclasses import replace

import numpy as np
import pytest

from zfbench.forecasting.contract import EXAMPLE
from zfbench.forecasting.evaluator import ProgramEvaluator
from zfbench.forecasting.fit import fit_program
from zfbench.forecasting.report import TrainingReport
from zfbench.records.clamp import roll
from zfbench.records.limits import Limits
from zfbench.records.program import Program, Status
from zfbench.records.recordings import OBJECTIVES, PLAIN
from zfbench.scoring.laplace import laplace_log_likelihood
from zfbench.tasks.zfish.truth import true_model

BRIEF = Limits(updates=20, seconds=120)


@pytest.fixture(scope="module")
def evaluation(driven):
    return ProgramEvaluator(driven, BRIEF)(Program(EXAMPLE), 5)


@pytest.fixture(scope="module")
def prediction(driven):
    """What the program of that evaluation forecasts, from a training of its own."""
    inputs = driven.validation.inputs
    with fit_program(EXAMPLE, driven.spec, driven.train, BRIEF, 5) as fitted:
        return fitted.forecast(inputs.context, inputs.drive).astype(float)


def errors_of_last_value(task):
    return np.abs(task.validation.inputs.context[:, -1:].astype(float) - task.validation.target)


def by_group(task, errors):
    return {group: errors[:, :, task.spec.indices(group)].mean() for group in dict.fromkeys(task.spec.groups)}


def balanced(task, errors):
    """The geometric mean of the relative errors of all groups, by the formula of docs/architecture.md."""
    references = by_group(task, errors_of_last_value(task))
    ratios = [(errors[g] + 0.01 * reference) / (1.01 * reference) for g, reference in references.items()]
    return np.prod(ratios) ** (1 / len(ratios))


def test_the_loss_is_the_balanced_validation_error_of_the_trained_program(driven, evaluation, prediction):
    error = np.abs(prediction - driven.validation.target)
    assert evaluation.status == Status.OK
    assert evaluation.loss == pytest.approx(balanced(driven, by_group(driven, error)), rel=1e-6)
    assert evaluation.metrics["balanced_error"] == evaluation.loss
    assert evaluation.metrics["mae"] == pytest.approx(error.mean(), rel=1e-6)
    for group in ("BG", "MN"):
        expected = error[:, :, driven.spec.indices(group)].mean()
        assert evaluation.metrics[f"mae/group/{group}"] == pytest.approx(expected, rel=1e-6)


def test_likelihood_and_squared_error_are_in_units_of_all_training_recordings(driven, evaluation, prediction):
    target = driven.validation.target
    sd = np.concatenate([recording.activity for recording in driven.train]).std(axis=0, dtype=float)
    likelihood = laplace_log_likelihood(prediction, target, sd)
    assert evaluation.log_likelihood == pytest.approx(likelihood, rel=1e-6)
    squares = (((prediction - target) / sd) ** 2).mean()
    assert evaluation.metrics["standardised_mse"] == pytest.approx(squares, rel=1e-6)
    skill = 1 - np.abs(prediction - target).mean() / errors_of_last_value(driven).mean()
    assert evaluation.metrics["skill_last_value"] == pytest.approx(skill, rel=1e-6)


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


def test_plain_variant_of_a_task_is_searched_by_the_mean_absolute_error(driven, evaluation):
    plain = copy.copy(driven)
    plain.spec = replace(driven.spec, objective=PLAIN)
    again = ProgramEvaluator(plain, BRIEF)(Program(EXAMPLE), 5)
    assert again.loss == evaluation.metrics["mae"] == again.metrics["mae"]
    assert again.metrics["balanced_error"] == evaluation.loss


class TrueButFor:
    """The true circuit, but for one group's neurons, which lose a tenth of their activity at every step."""

    report = TrainingReport("one_step", 0.1, 0, False, 20, 20, 1.0, False, (), ())
    stdout = ""

    def __init__(self, task, group):
        self.truth, self.wrong = true_model(task.spec.name), list(task.spec.indices(group))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def step(self, activity, drive):
        context, drive = activity[:, None], np.stack([drive, drive], axis=1)
        after = self.truth.rollout(context, drive, None)[:, 0].copy()
        after[:, self.wrong] *= 0.9
        return after

    def rollout(self, context, drive, clamp=None):
        return roll(self.step, context, drive, clamp)

    forecast = rollout


@pytest.mark.parametrize("group", ["PT", "MN"])
def test_blame_falls_on_the_group_that_is_wrong_and_on_no_other(driven, group, monkeypatch):
    monkeypatch.setattr(ProgramEvaluator, "_fit", lambda *_: TrueButFor(driven, group))
    evaluation = ProgramEvaluator(driven, BRIEF)(Program(EXAMPLE), 0)
    blame = {name.removeprefix("blame/"): v for name, v in evaluation.metrics.items() if name.startswith("blame/")}
    assert blame.keys() == set(driven.spec.groups)
    assert blame.pop(group) > 1e-3
    assert max(blame.values()) < 1e-4
    assert f"follow the recording, worst first: {group} " in evaluation.feedback


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_shares_of_blame_are_as_the_loss_weighs_groups(driven, objective, monkeypatch):
    monkeypatch.setattr(ProgramEvaluator, "_fit", lambda *_: TrueButFor(driven, "MN"))
    task = copy.copy(driven)
    task.spec = replace(driven.spec, objective=objective)
    metrics = ProgramEvaluator(task, BRIEF)(Program(EXAMPLE), 0).metrics
    last = errors_of_last_value(driven)
    for group in ("MN", "PT"):
        members = driven.spec.indices(group)
        weight = len(members) if objective == PLAIN else 1 / last[:, :, members].mean()
        assert metrics[f"blame_share/{group}"] == pytest.approx(metrics[f"blame/{group}"] * weight, rel=1e-6)


def test_an_error_that_spreads_in_free_forecasts_is_not_blamed_on_those_it_reaches(driven, monkeypatch):
    monkeypatch.setattr(ProgramEvaluator, "_fit", lambda *_: TrueButFor(driven, "PT"))
    evaluation = ProgramEvaluator(driven, BRIEF)(Program(EXAMPLE), 0)
    reached = [g for g in set(driven.spec.groups) - {"PT"} if evaluation.metrics[f"mae/group/{g}"] > 0.01]
    assert reached
    assert all(evaluation.metrics[f"blame/{g}"] < 1e-4 for g in reached)
    blame = {group: evaluation.metrics[f"blame/{group}"] for group in driven.spec.groups}
    assert evaluation.metrics["isolated_error"] == pytest.approx(balanced(driven, blame), rel=1e-6)
    assert evaluation.metrics["isolated_error"] < 0.5 * evaluation.loss


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


def test_the_example_of_the_contract_obeys_the_mask(masked):
    evaluation = ProgramEvaluator(masked, BRIEF)(Program(EXAMPLE), 0)
    assert evaluation.status == Status.OK, evaluation.feedback


def test_a_dense_program_violates_the_mask(masked):
    dense = EXAMPLE.replace("jnp.ones((n, n)) if self.spec.mask is None else self.spec.mask", "jnp.ones((n, n))")
    evaluation = ProgramEvaluator(masked, BRIEF)(Program(dense), 0)
    assert evaluation.status == Status.MASK_VIOLATION
    moved, changed = re.findall(r"'(\w+)'", evaluation.feedback)
    index = masked.spec.neurons.index
    assert not masked.spec.mask[index(moved), index(changed)]


def test_one_mask_without_the_other_is_obeyed_by_the_example_and_enforced(masked):
    """A system without drive has no drive mask, and in another one only what the drive reaches may be known."""
    task = copy.copy(masked)
    for mask in ("drive_mask", "mask"):
        task.spec = replace(masked.spec, **{mask: None})
        evaluation = ProgramEvaluator(task, BRIEF)(Program(EXAMPLE), 0)
        assert evaluation.status == Status.OK, evaluation.feedback
    undriven = EXAMPLE.replace("if self.spec.drive_mask is None else self.spec.drive_mask", "")
    assert ProgramEvaluator(task, BRIEF)(Program(undriven), 0).status == Status.MASK_VIOLATION


def test_seeds_that_are_evaluated_at_once_are_as_evaluated_alone(driven):
    """Rounding differs, and what all seeds took is divided among them."""
    evaluator, program = ProgramEvaluator(driven, BRIEF), Program(EXAMPLE)
    batched = evaluator.several(program, (5, 6))
    assert [found.loss for found in batched] == pytest.approx([evaluator(program, s).loss for s in (5, 6)], rel=1e-3)
    assert len({found.spend.device_seconds for found in batched}) == 1
    assert all(found.spend.evaluations == 1 and found.spend.updates == 20 for found in batched)


def test_a_program_that_fails_fails_with_every_seed(driven):
    found = ProgramEvaluator(driven, BRIEF).several(Program("x = "), (1, 2, 3))
    assert [one.status for one in found] == [ProgramEvaluator(driven, BRIEF)(Program("x = "), 1).status] * 3
