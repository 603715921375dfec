"""The judge of mixtures, which scores them by their own density on draws that no search has seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from zfbench import scoring
from zfbench.records.evaluation import Generation
from zfbench.records.limits import Limits
from zfbench.records.program import Program
from zfbench.records.scores import Scores
from zfbench.scoring.concentration import concentration
from zfbench.tasks.mixtures.model import MixtureModel
from zfbench.tasks.mixtures.task import SealedMixtures


class MixtureJudge:
    """Scores mixtures by their own density on held-out draws; implements `zfbench.protocols.task.TaskJudge`."""

    selection_score = "likelihood/selection_loss"

    def __init__(self, sealed: SealedMixtures) -> None:
        self.sealed = sealed

    @property
    def controls(self) -> Mapping[str, str]:
        """Source of the control program `oracle`, the model that the data came from."""
        return {"oracle": self.sealed.target}

    def score(
        self,
        model: MixtureModel,
        progress: Callable[[str], None] = lambda _: None,
        seed: int = 0,  # noqa: ARG002
    ) -> Scores:
        """Score a program: its held-out evidence, the error of its neural likelihood, and whether it is the target.

        Args:
            model: the fitted program.
            progress: called with the name of each stage as it begins.
            seed: not used; nothing is drawn here.
        """
        progress("likelihood")
        exact = MixtureModel(model.source, "exact", 0)
        exact.fit(Limits())
        held_out, selection = (exact.log_marginal(x) for x in (self.sealed.held_out, self.sealed.selection))
        chosen_by = model.log_marginal(self.sealed.selection)
        M = len(selection.log_evidence)
        scores = Scores(metric_versions={"likelihood": scoring.VERSIONS["likelihood"]})
        scores.add_all(
            "likelihood",
            {
                "log_marginal": held_out.total,
                "log_marginal_se": held_out.total_standard_error,
                "log_marginal_per_observation": held_out.total / M,
                "log_marginal_selection": chosen_by.total,
                "surrogate_error_per_observation": (chosen_by.total - selection.total) / M,
                "target_found": float(Program(model.source).id == Program(self.sealed.target).id),
            },
        )
        return scores

    def score_generations(self, generations: Sequence[Generation]) -> Scores:
        """Score a search's population by the target's share of it, generation by generation."""
        found = concentration(
            [generation.programs for generation in generations],
            [generation.resampled for generation in generations],
            Program(self.sealed.target).id,
        )
        scores = Scores(metric_versions={"population": scoring.VERSIONS["population"]})
        scores.add("population/target_share", found.after_jumps)
        scores.add("population/target_share_first", found.first)
        scores.add("population/target_share_settled", found.settled)
        scores.add_curve("population/target_share", found.share.tolist())
        scores.add_curve("population/jumps", [float(k) for k in found.jumps])
        return scores
