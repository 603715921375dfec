"""The judge of simulator tasks: the marginal likelihood of held-out observations, and the noise of measuring it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from zfbench import scoring
from zfbench.records.evaluation import Generation
from zfbench.records.program import CandidateError, normalise
from zfbench.records.scores import Scores
from zfbench.scoring.likelihood import MarginalLikelihood, log_marginal_prior
from zfbench.simulators.model import SimulatorModel
from zfbench.simulators.problem import SealedSimulator

REPEATS = 3  # number of whole evaluations, each with fresh seeds
EXACT_OBSERVATIONS = 10  # number of held-out observations on which the surrogate is compared with an exact likelihood
EXACT_DRAWS = 5_000  # number of draws from the prior over which that exact likelihood is averaged


class SimulatorJudge:
    """Scores programs on held-out observations; implements `zfbench.protocols.task.TaskJudge`.

    A program is simulated and its likelihood learned `REPEATS` times; scores are means over them. Their spread is the
    noise of one evaluation. A search that keeps the best of many evaluations selects partly on that noise.
    """

    selection_score = "likelihood/selection_loss"

    def __init__(self, sealed: SealedSimulator) -> None:
        self.sealed = sealed

    @property
    def controls(self) -> Mapping[str, str]:
        """Source of the control programs, by name."""
        return self.sealed.problem.controls

    def score(
        self,
        model: SimulatorModel,
        progress: Callable[[str], None] = lambda _: None,
        seed: int = 0,  # noqa: ARG002
    ) -> Scores:
        """Return all scores of a program that the task has fitted.

        Args:
            model: the fitted program.
            progress: called with the name of each stage as it begins.
            seed: not used; the model draws with seeds of its own.
        """
        scores = Scores(metric_versions={"likelihood": scoring.VERSIONS["likelihood"]})  # of the loss too, if alone
        held_out, selection = self._repeat(model, scores, progress)
        if not held_out:
            return scores
        M = len(self.sealed.problem.held_out)
        total = float(np.mean([m.total for m in held_out]))
        variance = np.mean([m.total_standard_error**2 for m in held_out]) / len(held_out)
        scores.add_all(
            "likelihood",
            {
                "log_marginal": total,
                "log_marginal_se": float(np.sqrt(variance)),
                "log_marginal_per_observation": total / M,
                "log_marginal_selection": float(np.mean([m.total for m in selection])),
                "effective_draws": float(np.median([m.effective_size for m in held_out])),
            },
        )
        if len(selection) > 1:
            scores.add("likelihood/evaluation_sd", float(np.std([m.total for m in selection], ddof=1)))
        self._exact(held_out, model, scores, progress)
        return scores

    def _repeat(
        self, model: SimulatorModel, scores: Scores, progress: Callable[[str], None]
    ) -> tuple[list[MarginalLikelihood], list[MarginalLikelihood]]:
        """Evaluate repeatedly, on held-out observations and on those to select on; failures become notes."""
        held_out, selection = [], []
        for k in range(REPEATS):
            progress(f"likelihood, evaluation {k + 1} of {REPEATS}")
            try:
                evaluated = model if k == 0 else model.refitted(k)
                own = [evaluated.log_marginal(x) for x in (self.sealed.problem.held_out, self.sealed.problem.selection)]
            except CandidateError as error:
                scores.notes.append(f"evaluation {k + 1} of {REPEATS} failed: {error}")
                continue
            held_out.append(own[0])
            selection.append(own[1])
        return held_out, selection

    def _exact(
        self,
        surrogate: Sequence[MarginalLikelihood],
        model: SimulatorModel,
        scores: Scores,
        progress: Callable[[str], None],
    ) -> None:
        """Score the error of the learned likelihood where the program's exact likelihood is known."""
        problem = self.sealed.problem
        exact = problem.exact.get(normalise(model.source))
        if exact is None:
            return
        progress("exact likelihood")
        some = problem.held_out.take(EXACT_OBSERVATIONS)
        theta = problem.spec.draw_parameters(np.random.default_rng(0), EXACT_DRAWS)
        truth = log_marginal_prior(exact, some.statistics, theta, some.contexts)
        learned = float(np.mean([m.log_evidence[: len(some)].sum() for m in surrogate]))
        scores.add("likelihood/exact_per_observation", truth.total / len(some))
        scores.add("likelihood/exact_se_per_observation", truth.total_standard_error / len(some))
        scores.add("likelihood/surrogate_error_per_observation", (learned - truth.total) / len(some))

    def score_generations(self, generations: Sequence[Generation]) -> Scores:  # noqa: ARG002
        """Return no scores: simulator tasks do not score how a population moved."""
        return Scores()
