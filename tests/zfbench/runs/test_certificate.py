import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfbench.protocols.contenders import Contender, Contest
from zfbench.runs.certificate import Signal, Standing, as_text, certify

TRUTH, SEED = Contender("truth", "truth", "t"), Contender("seed", "seed", "s")
ADDED, REMOVED = Contender("gate", "added", "a"), Contender("gate", "removed", "r")
OTHERS = [Contender(f"network {k}", "generic", str(k)) for k in range(60)]


def certificate(ranks_short, ranks_long, programs=41):
    """Of losses that give the truth these ranks."""

    def losses(ranks):
        rivals = {
            other: [0.5 if position < rank - 1 else 2.0 for rank in ranks]
            for position, other in enumerate(OTHERS[: programs - 1])
        }
        return {TRUTH: [1.0] * len(ranks), **rivals}

    return certify("toy", "balanced", {2_000: losses(ranks_long), 400: losses(ranks_short)})


@pytest.mark.parametrize(
    ("short", "long", "verdict"),
    [
        ([1] * 10, [1] * 10, "identifying"),
        ([1] * 9 + [41], [1] * 9 + [30], "identifying"),
        ([1] * 8 + [2, 2], [1] * 10, "partly"),
        ([1] * 10, [1] * 8 + [2, 2], "partly"),
        ([3] * 10, [1] * 10, "partly"),
        ([3] * 5 + [4] * 5, [1] * 10, "not identifying"),
        ([1] * 10, [4] * 10, "not identifying"),
        ([1, 1, 2], [1, 1, 1], "partly"),  # of three replicates, nine tenths are all three
    ],
)
def test_verdict_is_decided_by_the_worst_budget(short, long, verdict):
    found = certificate(short, long)
    assert found.standings[0].updates == 400
    assert found.standings[0].ranks == tuple(short)
    assert found.verdict == verdict
    assert found.to_json()["verdict"] == verdict


@pytest.mark.parametrize(("programs", "within"), [(2, 1), (20, 1), (21, 2), (28, 2), (40, 2), (41, 3)])
def test_a_twentieth_of_the_programs_is_rounded_up(programs, within):
    assert certificate([1], [1], programs).within == within


def test_what_equals_the_truth_is_not_behind_it_and_what_failed_is_last():
    losses = {TRUTH: [1.0, None, 1.0], OTHERS[0]: [1.0, 2.0, None], OTHERS[1]: [3.0, None, None]}
    standing = Standing.of(400, losses)
    assert standing.ranks == (2, 3, 1)
    assert standing.medians == {"truth: truth": 1.0, "generic: network 0": 1.5, "generic: network 1": 3.0}


def test_a_feature_that_helps_has_a_positive_signal_in_both_directions():
    losses = {
        TRUTH: [0.1, 0.2, 0.1],
        SEED: [1.0, 2.0, 1.0],
        ADDED: [0.5, 0.9, 0.6],
        REMOVED: [0.2, 0.4, 0.2],
        Contender("second seed", "seed", "x"): [9.0, 9.0, 9.0],
    }
    standing = Standing.of(400, losses)
    gains = [math.log(2), math.log(2 / 0.9), math.log(1 / 0.6)]
    mean = sum(gains) / 3
    assert standing.added["gate"].mean == pytest.approx(mean)
    assert standing.added["gate"].noise == pytest.approx(math.sqrt(sum((g - mean) ** 2 for g in gains) / 2))
    assert standing.removed["gate"] == Signal(pytest.approx(math.log(2)), pytest.approx(0.0, abs=1e-12))


@given(st.lists(st.tuples(st.floats(0.01, 10), st.floats(0.01, 10)), min_size=2, max_size=9), st.floats(0.1, 10))
def test_signal_is_paired_what_all_losses_of_a_replicate_share_cancels(pairs, factor):
    without, having = zip(*pairs, strict=True)
    shared = [factor ** (k % 3) for k in range(len(pairs))]
    moved = Signal.between(
        [w * s for w, s in zip(without, shared, strict=True)], [h * s for h, s in zip(having, shared, strict=True)]
    )
    still = Signal.between(without, having)
    assert moved.mean == pytest.approx(still.mean, abs=1e-9)
    assert moved.noise == pytest.approx(still.noise, abs=1e-9)


def test_equal_programs_count_once_and_the_truths_own_text_is_no_rival():
    twice = {
        TRUTH: [1.0],
        Contender("gate", "removed", "s"): [0.5],
        SEED: [0.5],
        Contender("same", "added", "t"): [1.0],
    }
    found = certify("toy", "evidence", {400: twice})
    assert found.standings[0].ranks == (2,)
    assert found.programs == 2


def test_log_likelihoods_are_compared_in_nats():
    losses = {TRUTH: [-7.0, 20.0], REMOVED: [-5.0, 23.0]}
    found = certify("toy", "evidence", {400: losses}, "difference")
    assert found.standings[0].removed["gate"].mean == pytest.approx(2.5)
    assert "lowers the loss (in nats) when" in as_text(found, lambda rows, headings: "")
    assert "lowers the logarithm of the loss when" in as_text(
        certify("toy", "error", {400: {TRUTH: [1.0], REMOVED: [2.0]}}), lambda rows, headings: ""
    )


def test_signal_without_enough_replicates_has_no_ratio():
    assert Signal.between([1.0], [0.5]) == Signal(pytest.approx(math.log(2)), None)
    assert Signal.between([None, 1.0], [0.5, None]) == Signal(None, None)
    assert Signal(1.0, 0.0).ratio is None
    assert Signal(1.0, 0.25).ratio == 4.0


def test_a_contest_has_one_truth_and_names_that_differ():
    with pytest.raises(ValueError, match="one true program, not 2"):
        Contest((TRUTH, Contender("other", "truth", "o")), "balanced")
    with pytest.raises(ValueError, match="different names"):
        Contest((TRUTH, SEED, Contender("seed", "seed", "x")), "balanced")


def test_text_says_objective_verdict_ranks_and_lists_programs_by_loss():
    losses = {TRUTH: [0.1], SEED: [1.0], ADDED: [0.5], REMOVED: [0.2], OTHERS[0]: [None]}
    text = as_text(certify("toy", "plain_mae", {400: losses}), lambda rows, headings: str([headings, *rows]))
    assert text.startswith("toy, objective plain_mae: identifying\n")
    assert "400 updates: the truth is first in 1 of 1 replicates; median rank 1 of 5." in text
    assert "['gate', '+0.693', '+0.693']" in text
    order = ["truth: truth", "removed: gate", "added: gate", "seed: seed", "generic: network 0', 'failed"]
    assert all(text.index(a) < text.index(b) for a, b in pairwise(order))
