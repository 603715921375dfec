"""How far the surrogate of `sir` is off, model by model: python bench_evidence.py [DRAWS] [FITS] [SIMULATIONS]

For the truth and models near it: the log marginal likelihood of a held-out observation by the exact likelihood, its
difference from the truth's (mean and standard error over the 100 observations), and by the surrogate (each fit).
"""

import sys
from dataclasses import replace

import numpy as np

from zfbench.records.limits import Limits
from zfbench.sandbox.choose import open_sandbox
from zfbench.scoring.likelihood import log_marginal_prior
from zfbench.simulators.model import SimulatorModel
from zfbench.tasks.sir.compartments import Compartments
from zfbench.tasks.sir.task import PROBLEMS, ParticleFilter

MODELS = {
    "truth": Compartments(),
    "infection by density": Compartments(infection="density"),
    "infection saturates": Compartments(infection="saturating"),
    "fast incubation": Compartments(incubation="fast"),
    "slow incubation": Compartments(incubation="third"),
    "density, slow incubation": Compartments(infection="density", incubation="third"),
}


def main(draws: int, fits: int, simulations: int) -> None:
    """Print a row for each model."""
    problem = replace(PROBLEMS["sir"](), simulations=simulations)
    x, contexts = problem.held_out.statistics, problem.held_out.contexts
    theta = problem.spec.draw_parameters(np.random.default_rng(0), draws)
    truth = None
    with open_sandbox() as box:
        for name, compartments in MODELS.items():
            exact = log_marginal_prior(ParticleFilter(compartments), x, theta, contexts)
            truth = exact if truth is None else truth
            difference = exact.log_evidence - truth.log_evidence
            learned = []
            for seed in range(fits):
                model = SimulatorModel(compartments.source_with_title, problem.task, seed, box)
                model.fit(Limits())
                learned.append(model.log_marginal(problem.held_out).total / len(x))
            sys.stdout.write(
                f"{name}: exact {exact.total / len(x):.2f} (Monte Carlo {exact.total_standard_error / len(x):.2f}), "
                f"minus the truth {difference.mean():+.2f} +- {difference.std(ddof=1) / np.sqrt(len(x)):.2f}, "
                f"surrogate {', '.join(f'{value:.2f}' for value in learned)}\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*given, *(2_000, 2, 1_000)[len(given) :])
