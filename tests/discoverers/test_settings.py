"""What a discoverer cannot work with is refused before a search begins, and says which setting it is."""

import math

import numpy as np
import pytest

from zfbench.base import plugins
from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.settings import COUNT, FLAG, NOT_NEGATIVE, POSITIVE, SHARE, check_choice
from zfbench.records.program import Program

SEED = Program("seed")
NO_COUNT = [0, -3, 2.5, math.nan, math.inf, "7", True, None]
NO_SHARE = [-0.1, 1.1, math.nan, "half", True]
NO_WEIGHT = [-1.0, math.nan, math.inf, "1"]
NOT_ABOVE_0 = [0, *NO_WEIGHT]
NO_FLAG = [1, "no", None]

REFUSED = {
    "random_walk": {"parent": ["best", None, 1]},
    "puct": {"c": NO_WEIGHT, "nodes": NO_COUNT},
    "puct_plus": {"c": NO_WEIGHT, "recombine": NO_SHARE, "rewrite": NO_SHARE, "nodes": NO_COUNT},
    "modelsmc": {
        "particles": NO_COUNT,
        "generations": NO_COUNT,
        "alpha": NO_SHARE,
        "tau": NOT_ABOVE_0,
        "threshold": NO_WEIGHT,
        "weights": ["loss", 1],
        "start": ["random", None],
        "tempering": NO_FLAG,
        "feedback": ["all", True, None],
    },
    "funsearch": {
        **dict.fromkeys(("islands", "parents", "samples", "period", "reset_every", "digits"), NO_COUNT),
        "recombine": NO_SHARE,
        "temperature": NOT_ABOVE_0,
    },
}
REFUSED["n1"] = REFUSED["modelsmc"]
REFUSED["funsearch_plus"] = REFUSED["funsearch"]
CASES = [(m, s, v) for m, settings in REFUSED.items() for s, values in settings.items() for v in values]


@pytest.mark.parametrize(("method", "setting", "value"), CASES)
def test_setting_out_of_its_range_is_refused_by_name(method, setting, value):
    with pytest.raises(ZfbenchError, match=rf"{setting}.*(make it|choose)"):
        plugins.load("discoverer", method)(0, SEED, **{setting: value})


@pytest.mark.parametrize(
    ("numbers", "allowed"),
    [
        (COUNT, [1, 10**9, np.int64(3)]),
        (SHARE, [0, 1, 0.5]),
        (NOT_NEGATIVE, [0, 1.1, np.float64(2)]),
        (POSITIVE, [1e-300, 3]),
    ],
)
def test_numbers_in_a_range_pass(numbers, allowed):
    for value in allowed:
        numbers.check("A method", setting=value)


def test_message_names_method_setting_value_and_what_to_do():
    with pytest.raises(ZfbenchError) as caught:
        COUNT.check("A method", fine=1, islands=0)
    assert str(caught.value) == "A method cannot work with islands=0; make it a whole number of at least 1."
    with pytest.raises(ZfbenchError) as caught:
        check_choice("A method", FLAG, fine=True, critique="no")
    assert str(caught.value) == "A method has no critique 'no'; choose False or True."
