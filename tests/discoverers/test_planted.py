"""The planted landscape itself, which is known before any method runs on it."""

from collections import Counter

import numpy as np
from planted import ADDS, BREAKS, FAILING, NATS, PARTS, SEED_PROGRAM, Landscape, changed, right_parts

from zfbench.records.program import Program


def test_changes_add_and_break_parts_in_their_shares_and_always_give_another_program():
    rng = np.random.default_rng(0)
    found = [changed(Program("7 right parts\nthis one"), rng) for _ in range(4_000)]
    shares = Counter(right_parts(program) - 7 for program in found)
    assert len({program.id for program in found}) == len(found)
    for change, share in ((1, ADDS), (-1, BREAKS), (0, 1 - ADDS - BREAKS)):
        assert abs(shares[change] / len(found) - share) < 5 * np.sqrt(share * (1 - share) / len(found))
    assert {right_parts(changed(SEED_PROGRAM, rng)) for _ in range(100)} == {0, 1}
    assert {right_parts(changed(Program(f"{PARTS} right parts"), rng)) for _ in range(100)} == {PARTS, PARTS - 1}


def test_evaluations_follow_from_the_program_and_fail_in_their_share():
    programs = [Program(f"{k % PARTS} right parts\n{k}") for k in range(2_000)]
    for landscape in (Landscape(3), Landscape(3, flat=True)):
        found = [landscape.evaluate(program) for program in programs]
        assert found == [landscape.evaluate(program) for program in programs]
        failed = np.mean([not evaluation.ok for evaluation in found])
        assert abs(failed - FAILING) < 5 * np.sqrt(FAILING * (1 - FAILING) / len(programs))
        for program, evaluation in zip(programs, found, strict=True):
            if evaluation.ok:
                assert evaluation.loss == 1 - landscape.worth(program)
                assert evaluation.log_likelihood == NATS * PARTS * landscape.worth(program)


def test_right_parts_are_the_worth_on_the_planted_landscape_and_say_nothing_on_the_flat_twin():
    programs = [Program(f"{k % (PARTS + 1)} right parts\n{k}") for k in range(2_000)]
    parts = [right_parts(program) for program in programs]
    assert [Landscape(3).worth(program) * PARTS for program in programs] == parts
    drawn = [Landscape(3, flat=True).worth(program) for program in programs]
    assert abs(np.corrcoef(parts, drawn)[0, 1]) < 5 / np.sqrt(len(programs))
    assert abs(np.mean(drawn) - 0.5) < 0.05
