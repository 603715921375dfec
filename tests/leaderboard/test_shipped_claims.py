"""The claims that come with zfbench: their rules, that they can be won and lost, and what the committed results say."""

import pytest

from zfbench.leaderboard.claim_names import check_names
from zfbench.leaderboard.claims import Side, read_claims
from zfbench.leaderboard.shipped import CLAIMS, RESULTS
from zfbench.leaderboard.stand_ins import check_stand_in, check_won_and_lost
from zfbench.leaderboard.verdicts import check
from zfbench.records.reading import load_folder

SHIPPED = read_claims(CLAIMS)


def test_shipped_claims_are_readable_and_have_distinct_names():
    claims = read_claims(CLAIMS)
    assert len(claims) >= 10
    assert all((CLAIMS / f"{c.id}.toml").exists() for c in claims)


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda c: c.id)
def test_a_shipped_claim_has_margins_with_a_reason_and_enough_seeds(shipped):
    assert not shipped.margin_seeds or shipped.margin_reason
    for test in shipped.tests:
        sides = [side for side in (test.left, test.right) if isinstance(side, Side)]
        searches = [s for s in sides if s.proposer is not None and not s.task.startswith("mixtures")]
        assert test.seeds >= (10 if searches else 5)
        assert test.confidence == 0.95
        assert test.right != test.left


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda c: c.id)
def test_a_shipped_claim_can_be_won_and_lost(shipped):
    """By the outcomes or controls that its file names; beside them by each test alone, so that none hides another."""
    results = load_folder(RESULTS)
    check_won_and_lost([shipped], results)
    assert check_stand_in(shipped, results, supporting=True).verdict == "supported"
    lost = check_stand_in(shipped, results, supporting=False)
    assert [finding.verdict for finding in lost.findings] == ["refuted"] * len(shipped.tests)
    swapped = [test.model_copy(update={"must_support": test.must_refute}) for test in shipped.tests]
    for i in range(len(swapped)):
        tests = (*shipped.tests[:i], swapped[i], *shipped.tests[i + 1 :])
        one = shipped.model_copy(update={"tests": tests})
        assert check_stand_in(one, results, supporting=True).verdict == "refuted"


def test_the_names_in_shipped_claims_are_known():
    check_names(SHIPPED, load_folder(RESULTS))


def test_the_claims_of_the_papers_are_all_there():
    assert {c.id for c in SHIPPED} >= {
        "drive-is-necessary",
        "black-boxes-win-in-distribution",
        "black-boxes-lose-more-out-of-distribution",
        "mask-restores-generalisation",
        "mask-restores-signs",
        "mask-restores-impulse-responses",
        "puct-beats-its-controls",
        "modelsmc-concentrates-on-the-target",
        "modelsmc-comparable-to-funsearch-and-single-particle",
        "marginal-likelihood-beats-mse-weights",
    }


def test_what_the_committed_results_say_about_the_shipped_claims():
    """Every claim gets an answer, and what is open says which runs would close it."""
    results = load_folder(RESULTS)
    for answer in (check(c, results) for c in SHIPPED):
        for finding in answer.findings:
            assert (finding.verdict == "undecided") == bool(finding.reason)
            assert "name one" not in finding.reason, f"{answer.claim.id}: a side fits several methods"
            assert finding.verdict == "undecided" or finding.effect.n >= finding.test.seeds
