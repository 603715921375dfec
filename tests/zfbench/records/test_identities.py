"""Headline scores follow from their parts, except where a note or the kind of task says why they do not."""

import pytest

from zfbench.records.consistency import contradictions
from zfbench.records.identities import broken

WORST = "the headline score responses is at its worst, 0, for what is missing"


def test_responses_are_at_their_worst_where_one_of_two_parts_failed(make):
    metrics = {"dynamics/impulse/cross/error": 0.4, "headline/responses": 0.0, "headline/responses_se": 0.0}
    assert list(broken(make(metrics=metrics, notes=[WORST]))) == []
    ((field, sentence),) = broken(make(metrics=metrics))
    assert field == "metrics.headline/responses"
    assert "0.6" in sentence
    high = {**metrics, "headline/responses": 0.6}
    assert [field for field, _ in broken(make(metrics=high, notes=[WORST]))] == ["metrics.headline/responses"]


@pytest.mark.parametrize(("name", "allowed"), [("selection_loss", True), ("log_marginal", True), ("error", False)])
def test_of_likelihoods_a_loss_has_either_sign_and_an_error_does_not(make, name, allowed):
    """A density above 1, as that of a narrow distribution, has a negative minus log."""
    result = make(metrics={f"likelihood/{name}": -3.0}, metric_versions={"likelihood": 1})
    assert any("is negative" in what for _, what in contradictions(result)) != allowed
