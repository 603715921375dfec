"""The evaluator of searches on a table: it looks a program up."""

from __future__ import annotations

from zfbench.protocols.executor import Evaluate
from zfbench.protocols.task import Evaluator
from zfbench.records.evaluation import STANDARDISED_MSE, Evaluation
from zfbench.records.program import CandidateError, Program
from zfbench.tasks.zfish_table.table import COST
from zfbench.tasks.zfish_table.task import TableSpec


class TableEvaluator(Evaluator):
    """Answers with the one screening that the table has of a program, whatever the seed and the limits.

    Args:
        spec: specification of the task, with the table.
    """

    def __init__(self, spec: TableSpec) -> None:
        self._spec = spec

    def __call__(self, program: Program, seed: int) -> Evaluation:  # noqa: ARG002
        """Look a program up; one that the table does not have is invalid.

        Args:
            program: the program.
            seed: not used, because nothing is trained.
        """
        try:
            return self._spec.table.evaluations[self._spec.find(program.id)]
        except CandidateError as error:
            return Evaluation(error.status, feedback=error.message, spend=COST)

    def with_fitted(self, metric: str) -> Evaluate:
        """Return this evaluator for the squared error, which tables hold.

        Raises:
            ZfbenchError: another metric is asked for.
        """
        return self if metric == STANDARDISED_MSE else super().with_fitted(metric)
