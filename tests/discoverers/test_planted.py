"""The planted landscape itself, which is known before any method runs on it."""

import numpy as np
from planted import COUNTING, FAILING, IDLE, NATS, SEED_PROGRAM, Landscape, changed, depth

from zfbench.records.program import Program


def test_worth_is_the_number_of_bits_before_the_first_that_is_not_set():
    assert [depth(Program(bits.ljust(COUNTING + IDLE, "1"))) for bits in ("0", "10", "1101")] == [0, 1, 2]
    assert depth(Program("1" * (COUNTING + IDLE))) == COUNTING
    assert depth(Program("1" * COUNTING + "0" * IDLE)) == COUNTING  # the others do not count
    assert depth(SEED_PROGRAM) == 0


def test_each_step_has_one_change_in_twenty_and_a_step_back_costs_all_after_it():
    program = Program("1" * 4 + "0" * (COUNTING + IDLE - 4))
    rng = np.random.default_rng(0)
    neighbours = {changed(program, rng).source: 0 for _ in range(2_000)}
    depths = sorted(depth(Program(source)) for source in neighbours)
    assert len(neighbours) == COUNTING + IDLE
    assert depths == [0, 1, 2, 3] + [4] * (COUNTING + IDLE - 5) + [5]


def test_evaluations_follow_from_the_program_and_fail_in_their_share():
    programs = [Program(f"{k:020b}") for k in range(2_000)]
    for landscape in (Landscape(3), Landscape(3, flat=True)):
        found = [landscape.evaluate(program) for program in programs]
        assert found == [landscape.evaluate(program) for program in programs]
        failed = np.mean([not evaluation.ok for evaluation in found])
        assert abs(failed - FAILING) < 5 * np.sqrt(FAILING * (1 - FAILING) / len(programs))
        for program, evaluation in zip(programs, found, strict=True):
            if evaluation.ok:
                assert evaluation.loss == 1 - landscape.worth(program)
                assert evaluation.log_likelihood == NATS * COUNTING * landscape.worth(program)


def test_the_flat_twin_says_nothing_of_neighbours():
    rng, landscape = np.random.default_rng(0), Landscape(3, flat=True)
    programs = [Program("".join(rng.choice(["0", "1"], COUNTING + IDLE))) for _ in range(2_000)]
    pairs = np.array([(landscape.worth(p), landscape.worth(changed(p, rng))) for p in programs])
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 5 / np.sqrt(len(pairs))
    assert abs(pairs.mean() - 0.5) < 0.05
