"""The judge of a table's programs: it looks up what a judge said of the program when it was trained in full."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from zfbench.records.evaluation import Generation
from zfbench.records.program import Program, Status
from zfbench.records.scores import Scores
from zfbench.tasks.zfish_table.sealed import SealedTable
from zfbench.tasks.zfish_table.task import TableSpec

VERSIONS = {"table": 1}  # of the scores that only tables have: the loss of the screening
NOTE = "On the table: the program was looked up and not trained, and its loss is that of a short training."
NOT_JUDGED = "The judge's scores are not applicable: this program of the table was not judged."


@dataclass(frozen=True, eq=False)
class TableModel:
    """A program of the table; nothing of it is trained or run.

    Attributes:
        source: the program.
        report: None, because nothing is fitted.
    """

    source: str
    report: None = None

    def close(self) -> None:
        """Do nothing, because no process is held."""


@dataclass(frozen=True, eq=False)
class SealedScores:
    """A sealed test whose scores were computed before; see `zfbench.protocols.task.Sealed`.

    Attributes:
        spec: specification of the task.
        track: track of the task that the programs were evaluated on.
        path: the file of the judgements.
        tier: says that nothing is trained here.
        circuit: empty; it is that of the task that the programs were evaluated on.
        holdout: empty, likewise.
    """

    spec: TableSpec
    track: str
    path: Path
    tier: str = "table"
    circuit: str = ""
    holdout: str = ""

    @property
    def data_sha256(self) -> str:
        """Hash of the table."""
        return self.spec.table.sha256


class TableJudge:
    """Looks up the scores of programs; implements `zfbench.protocols.task.TaskJudge`."""

    selection_score = "table/screening_loss"
    controls: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def __init__(self, sealed: SealedScores) -> None:
        self.sealed = sealed

    @cached_property
    def judgements(self) -> SealedTable:
        """All judgements; the file is opened at the first access.

        Raises:
            ZfbenchError: the file is missing, damaged, or of another table.
        """
        return SealedTable.read(self.sealed.path, self.sealed.data_sha256)

    def score(
        self,
        model: TableModel,
        progress: Callable[[str], None] = lambda _: None,
        seed: int = 0,  # noqa: ARG002
    ) -> Scores:
        """Look up the scores of a program, with a note where it has none.

        Args:
            model: the program.
            progress: called with the name of each stage as it begins.
            seed: not used; nothing is drawn here.

        Raises:
            CandidateError: the table does not have the program.
        """
        progress("table")
        scores = Scores(metric_versions=dict(VERSIONS), notes=[NOTE])
        table = self.sealed.spec.table
        codes = table.codes[self.sealed.spec.find(Program(model.source).id)]
        judged = self.judgements.judgements.get(codes)
        if judged is None or judged.status != Status.OK:
            scores.notes += [NOT_JUDGED] if judged is None else judged.notes
            return scores
        scores.metrics |= judged.metrics
        families = {name.split("/")[0] for name in judged.metrics}
        versions = self.judgements.metric_versions
        scores.metric_versions |= {family: versions[family] for family in sorted(families)}
        scores.notes += judged.notes
        return scores

    def score_generations(self, generations: Sequence[Generation]) -> Scores:  # noqa: ARG002
        """Return nothing: how a population moved has no score here."""
        return Scores()
