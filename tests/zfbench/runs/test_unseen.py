"""Features that the data do not show: found by equivalence, and left out of a second count of the truth's ranks."""

import math

import pytest

from zfbench.protocols.contenders import Contender
from zfbench.runs.certificate import certify
from zfbench.runs.unseen import LEAST, MARGIN, ranks_without, sentence, unseen

TRUTH = Contender("form", "truth", "t")
GATE, SLOPE = Contender("gate", "removed", "g"), Contender("slope", "removed", "s")
OWN = [0.100, 0.101, 0.099, 0.102, 0.098, 0.100]


def certificate(gate, slope=None, scale="ratio"):
    slope = slope or [2 * value for value in OWN]
    return certify("toy/task", "balanced", {400: {TRUTH: OWN, GATE: gate, SLOPE: slope}}, scale)


def test_a_feature_without_which_the_loss_is_the_same_is_not_shown():
    found = unseen(certificate([0.099, 0.102, 0.0985, 0.1025, 0.098, 0.1]))
    assert [one.feature for one in found] == ["gate"]
    assert -MARGIN < found[0].low < 0 < found[0].high < MARGIN


@pytest.mark.parametrize(
    "gate",
    [
        [1.1 * value for value in OWN],  # worth a tenth in every replicate
        [0.9 * value for value in OWN],  # a feature that harms is seen too
        [0.08, 0.12, 0.08, 0.12, 0.08, 0.12],  # worth nothing on average, but nobody can be sure
    ],
)
def test_a_feature_that_matters_or_may_matter_is_not_called_unseen(gate):
    assert unseen(certificate(gate)) == ()


def test_bounds_are_of_what_the_loss_is_without_the_feature_over_what_it_is_with_it():
    (found,) = unseen(certificate([1.01 * value for value in OWN]))
    assert found.low == pytest.approx(math.log(1.01))
    assert found.high == pytest.approx(math.log(1.01))


def test_as_many_replicates_as_are_asked_for_are_enough():
    least = {TRUTH: OWN[:LEAST], GATE: OWN[:LEAST]}
    assert [one.feature for one in unseen(certify("toy/task", "balanced", {400: least}))] == ["gate"]


def test_the_largest_budget_decides():
    budgets = {400: {TRUTH: OWN, GATE: OWN}, 2_000: {TRUTH: OWN, GATE: [2 * value for value in OWN]}}
    assert unseen(certify("toy/task", "balanced", budgets)) == ()
    budgets = {400: budgets[2_000], 2_000: budgets[400]}
    assert [one.feature for one in unseen(certify("toy/task", "balanced", budgets))] == ["gate"]


def test_a_tie_counts_against_the_truth():
    losses = {TRUTH: [0.2, 0.2], GATE: [0.2, 0.3]}
    standing = certify("toy/task", "balanced", {400: losses}).standings[0]
    assert ranks_without(standing, []) == (2, 1)


def test_few_replicates_and_losses_in_nats_call_nothing_unseen():
    few = {TRUTH: OWN[: LEAST - 1], GATE: OWN[: LEAST - 1]}
    assert unseen(certify("toy/task", "balanced", {400: few})) == ()
    assert unseen(certificate(list(OWN), scale="difference")) == ()


def test_the_truth_is_ranked_again_without_the_programs_that_lack_the_feature():
    standing = certificate([0.9 * v for v in OWN], [2 * v for v in OWN[:-1]] + [0.01]).standings[0]
    assert standing.ranks == (2, 2, 2, 2, 2, 3)
    assert ranks_without(standing, ["gate"]) == (1, 1, 1, 1, 1, 2)
    assert ranks_without(standing, ["gate", "slope"]) == (1,) * 6


def test_a_truth_that_failed_is_last_and_a_rival_that_failed_counts_for_nothing():
    losses = {TRUTH: [None, 0.2], GATE: [0.1, None], SLOPE: [0.3, 0.1]}
    standing = certify("toy/task", "balanced", {400: losses}).standings[0]
    assert ranks_without(standing, []) == standing.ranks == (3, 2)


def test_the_sentence_names_the_feature_and_counts_again():
    said = sentence(certificate([0.999 * value for value in OWN]))
    assert said is not None
    assert "gate" in said
    assert "first in 6 of 6 at 400 updates" in said
    assert sentence(certificate([1.5 * value for value in OWN])) is None
