"""The methods of this package keep the interfaces of zfbench, and a race shows what the search method is worth."""

from zfbench_annealing.annealing import Annealing
from zfbench_annealing.damped import Damped
from zfbench_annealing.rates import Rates

from zfbench.leaderboard.analyses.race import Entrant, race
from zfbench.testing import check_discoverer, check_forecaster, check_proposer


def test_annealing_keeps_the_interface_of_discoverers():
    check_discoverer(Annealing)
    check_discoverer(Annealing, temperature=0.1, cooling=0.9)


def test_rates_keeps_the_interface_of_proposers():
    check_proposer(Rates)


def test_damped_keeps_the_interface_of_baselines():
    check_forecaster(Damped)
    check_forecaster(Damped, "zfish-tiny/driven")


def test_annealing_races_against_puct_on_the_table():
    annealing = Entrant("annealing", factory=Annealing)
    found = race("zfish-table/masked", [annealing, "puct"], seeds=range(10), budgets=(5, 50))
    early, late = (found.mean("annealing", "regret", budget).estimate for budget in (5, 50))
    assert 0 <= late < early  # above the lowest loss of the table
    difference = found.difference("annealing", "puct", 50)  # below 0, annealing is better
    assert difference.regret.n == 10  # seeds, which both have
    print(f"annealing - puct: {difference.regret.estimate:+.4f}, p = {difference.p:.2g}")
