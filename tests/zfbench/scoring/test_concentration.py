import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.scoring.concentration import concentration


def test_share_is_followed_through_generations_and_jumps():
    populations = ["tabc", "tttb", "ttab", "tabb", "tttt", "ttta"]
    found = concentration(populations, [False, True, False, False, True, True], "t")
    assert found.share.tolist() == [0.25, 0.75, 0.5, 0.25, 1.0, 0.75]
    assert found.jumps == (1, 4, 5)
    assert found.first == 0.75
    assert found.after_jumps == pytest.approx(2.5 / 3)
    assert found.settled == pytest.approx(2 / 3)


def test_what_did_not_happen_has_no_share():
    found = concentration(["ab"], [True], "t")
    assert (found.first, found.after_jumps, found.settled) == (None, None, None)
    assert found.jumps == ()


def test_empty_populations_and_missing_flags_are_refused():
    for populations, flags in (([], []), (["a", ""], [False, False]), (["a", "b"], [False])):
        with pytest.raises(ZfbenchError, match="must have members"):
            concentration(populations, flags, "a")
