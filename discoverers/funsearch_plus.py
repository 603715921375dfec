"""FunSearch+: FunSearch on simulators, ranked by their likelihood at fitted parameters (Wahl et al. 2026, Eq. E-39).

arXiv 2602.18266. The score of a program is sum_j log p(x_j | program, theta_j), theta_j the parameters that a neural
posterior fits to observation x_j. Where programs are trained, training fits their constants already: `funsearch`.
"""

from __future__ import annotations

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.funsearch import FunSearch
from zfbench.records.evaluation import FITTED, Evaluation


class FunSearchPlus(FunSearch):
    """FunSearch that ranks simulators by their likelihood at fitted parameters; its settings are those of FunSearch.

    Attributes:
        wants_fitted: the metric that programs are ranked by.
    """

    wants_fitted = FITTED

    def _loss(self, evaluation: Evaluation) -> float:
        if FITTED not in evaluation.metrics:
            raise ZfbenchError("The task measures no likelihood at fitted parameters; run `funsearch` on it.")
        return -evaluation.metrics[FITTED]
