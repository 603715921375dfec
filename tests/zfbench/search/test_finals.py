import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.records.spend import Spend
from zfbench.search.budget import Budget
from zfbench.search.finals import default_finalists, set_aside

BOUND = Spend(evaluations=1, updates=2_000, device_seconds=100.0, wall_seconds=100.0)


def test_finals_take_their_share_of_every_limit():
    budget = Budget(evaluations=40, updates=300, device_seconds=1_000.0, wall_seconds=2_000.0, tokens=9)
    search, finals = set_aside(budget, 3, BOUND)
    assert search == Budget(evaluations=37, updates=300, device_seconds=700.0, wall_seconds=1_700.0, tokens=9)
    assert finals == Budget(evaluations=3)


def test_without_finals_the_whole_budget_is_the_searchs():
    assert set_aside(Budget(evaluations=1), 0, BOUND)[0] == Budget(evaluations=1)


@pytest.mark.parametrize("budget", [Budget(evaluations=3), Budget(device_seconds=300.0), Budget(wall_seconds=200.0)])
def test_budget_that_finals_would_eat_up_is_refused(budget):
    with pytest.raises(ZfbenchError, match="leaves nothing to search with"):
        set_aside(budget, 3, BOUND)


@pytest.mark.parametrize(("evaluations", "finalists"), [(0, 0), (1, 0), (4, 1), (8, 2), (12, 3), (500, 3), (None, 3)])
def test_small_budgets_have_fewer_finalists(evaluations, finalists):
    assert default_finalists(Budget(evaluations=evaluations)) == finalists
