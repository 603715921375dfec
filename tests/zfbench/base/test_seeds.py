import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.base.seeds import check_seed, generator
from zfbench.records.limits import Limits
from zfbench.runs.judge import judge_baseline


@pytest.mark.parametrize("seed", [-1, 2**32, 2**64])
def test_a_seed_outside_the_range_is_refused_before_anything_is_fitted(loaded_driven, seed):
    with pytest.raises(ZfbenchError, match=r"not in 0 \.\. 4294967295"):
        check_seed(seed)
    with pytest.raises(ZfbenchError, match="choose one in that range"):
        judge_baseline("last_value", loaded_driven, seed, Limits())


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_seeds_in_the_range_are_accepted(seed):
    check_seed(seed)


def test_a_generator_is_a_function_of_all_its_names():
    first = generator("task", "program", 3).random(4)
    assert (generator("task", "program", 3).random(4) == first).all()
    for other in (("task", "program", 4), ("task", "another", 3), ("tasks", "program", 3), ("task", "program3")):
        assert (generator(*other).random(4) != first).all()
