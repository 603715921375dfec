"""Outcomes in the place of a claim's results, by which its tests have to be won and lost.

`must_support` and `must_refute` of a test are numbers or names of controls; a test that they do not decide as they say
could not be won, or not be lost, whatever is measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zfbench.base.errors import ZfbenchError
from zfbench.leaderboard.claims import Claim, Comparison, Side, StandIn
from zfbench.leaderboard.verdicts import Answer, BySeed, Verdict, answer_of, constant, decide, newest, outcomes_of
from zfbench.records.result import Result


class NoOutcomeError(ValueError):
    """An error that says that there are no results of what stands in for a side."""


def check_stand_in(claim: Claim, results: Sequence[Result], supporting: bool) -> Answer:
    """Decide a claim as if its tests had the outcomes that have to support it, or those that have to refute it.

    Args:
        claim: the claim, whose tests all name both.
        results: results of controls, and of sides for which nothing stands in.
        supporting: True for `must_support`, False for `must_refute`.

    Raises:
        ValueError: a test names no such outcomes.
        NoOutcomeError: there is no result of a control that a test names.
    """
    findings = []
    for test in claim.tests:
        stand_in = test.must_support if supporting else test.must_refute
        if stand_in is None:
            raise ValueError(f"a test of {claim.id} does not say what must {'support' if supporting else 'refute'} it")
        findings.append(decide(test, *_standing_in(test, stand_in, results), len(claim.tests)))
    return answer_of(claim, tuple(findings))


def check_won_and_lost(claims: Iterable[Claim], results: Sequence[Result]) -> None:
    """Refuse a claim whose `must_support` does not support its test, or whose `must_refute` does not refute it.

    Outcomes that need results, as those of a control do, are not checked before there are as many as the test needs.

    Args:
        claims: the claims; a test may leave either out.
        results: the results that they are checked against.

    Raises:
        ZfbenchError: a test is decided otherwise; the sentence has the claim and the verdict.
    """
    own = newest(results)
    for claim in claims:
        for number, test in enumerate(claim.tests, 1):
            for name, stand_in, wanted in (
                ("must_support", test.must_support, "supported"),
                ("must_refute", test.must_refute, "refuted"),
            ):
                found = None if stand_in is None else _decided(test, stand_in, own, len(claim.tests))
                if found not in (None, wanted):
                    raise ZfbenchError(
                        f"The claim '{claim.id}' is wrong. By the outcomes of {name}, test {number} is {found} and not "
                        f"{wanted}; correct these outcomes, or the test."
                    )


def _decided(test: Comparison, stand_in: StandIn, results: Sequence[Result], tests: int) -> Verdict | None:
    """Return the verdict of a test by what stands in for its sides; None if results that it needs are missing."""
    try:
        finding = decide(test, *_standing_in(test, stand_in, results), tests)
    except NoOutcomeError:
        return None
    seeds = 0 if finding.effect is None else finding.effect.n
    return finding.verdict if seeds >= test.seeds or _is_made_up(test, stand_in) else None


def _standing_in(test: Comparison, stand_in: StandIn, results: Sequence[Result]) -> tuple[BySeed, BySeed]:
    """Return the outcomes of both sides with those that stand in for them."""
    found: list[BySeed] = []
    for side, given in ((test.left, stand_in.left), (test.right, stand_in.right)):
        if isinstance(given, int | float):
            found.append(constant(given, test))
        elif isinstance(side, float):
            found.append(constant(side, test))
        else:
            run = side if given is None else Side(method=given, task=side.task, metric=side.metric)
            values, reason = outcomes_of(run, test, results)
            if reason:
                raise NoOutcomeError(reason)
            found.append(values)
    return found[0], found[1]


def _is_made_up(test: Comparison, stand_in: StandIn) -> bool:
    """Return True if both outcomes are numbers, for which no results are needed."""
    right = test.right if stand_in.right is None else stand_in.right
    return isinstance(stand_in.left, int | float) and isinstance(right, int | float)
