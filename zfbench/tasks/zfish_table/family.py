"""The family `zfish-table`: its tasks by name, and the functions that look programs up.

A task's name is that of the track whose programs the table holds, such as `zfish-table/masked`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.protocols.sandbox import Sandbox
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Program
from zfbench.tasks.zfish_table.evaluator import TableEvaluator
from zfbench.tasks.zfish_table.judge import SealedScores, TableJudge, TableModel
from zfbench.tasks.zfish_table.table import Table
from zfbench.tasks.zfish_table.task import TableSpec, TableTask

FOLDER = Path(__file__).parents[2] / "leaderboard" / "tables"  # the tables that come with zfbench
EVALUATED_ON = {  # each table's task, and the task that made its numbers
    "zfish-table/masked": "zfish-tiny/masked",
    "zfish-table/driven": "zfish-tiny/driven",
}


def public_file(folder: Path, task: str) -> Path:
    """Return the path of the file that searches may see.

    Args:
        folder: folder of tables.
        task: name of the task that the programs were evaluated on.
    """
    return folder / f"{folder_name(task)}.json.xz"


def sealed_file(folder: Path, task: str) -> Path:
    """Return the path of the judge's file; the arguments are those of `public_file`."""
    return folder / f"{folder_name(task)}.judged.json.xz"


class TableFamily:
    """The family of tasks that is registered as `zfish-table` in the entry-point group `zfbench.tasks`.

    Args:
        folder: folder of the tables.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._tables: dict[str, Table] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs, which reads the tables itself."""
        return vars(self) | {"_tables": {}}

    def names(self) -> tuple[str, ...]:
        """Return the names of all tasks."""
        return tuple(EVALUATED_ON)

    def load(self, name: str) -> TableTask:
        """Return the task of that name.

        Raises:
            UnknownNameError: there is no such task.
            ZfbenchError: its table is not there, or is damaged.
        """
        return TableTask(self._spec(name))

    def judge(self, name: str) -> TableJudge:
        """Return the judge of the task of that name; it alone opens the file of the judgements."""
        spec = self._spec(name)
        return TableJudge(SealedScores(spec, name.partition("/")[2], sealed_file(self._folder, EVALUATED_ON[name])))

    def evaluator(self, task: TableTask, limits: Limits, sandbox: Sandbox | None) -> TableEvaluator:  # noqa: ARG002
        """Return what looks up the programs of a search.

        Args:
            task: the task.
            limits: not used; the table says with how many updates its programs were trained.
            sandbox: not used; nothing is run.
        """
        return TableEvaluator(task.spec)

    def candidate(self, task: TableTask, source: str, seed: int, sandbox: Sandbox | None) -> TableModel:  # noqa: ARG002
        """Return a program that is to be judged.

        Args:
            task: the task.
            source: source of the program.
            seed: not used; nothing is trained.
            sandbox: not used; nothing is run.
        """
        return TableModel(source)

    def baseline(self, task: TableTask, name: str, seed: int) -> Any:  # noqa: ARG002
        """Refuse: baselines forecast recordings, and a table has none.

        Args:
            task: the task.
            name: name of the baseline.
            seed: not used.

        Raises:
            ZfbenchError: always.
        """
        raise ZfbenchError(
            f"'{task.spec.name}' has no recordings that the baseline '{name}' could forecast; fit it on "
            f"{task.spec.table.facts.task}."
        )

    def future_drive(self, task: TableTask, baseline: str | None) -> bool | None:  # noqa: ARG002
        """Return None, because a table has no drive."""
        return None

    def fit(self, task: TableTask, model: TableModel, limits: Limits) -> None:  # noqa: ARG002
        """Check that the table has a program; nothing is trained.

        Args:
            task: the task.
            model: the program.
            limits: not used.

        Raises:
            CandidateError: the table does not have it, or it failed when it was screened.
        """
        evaluation = task.spec.table.evaluations[_place(task, model)]
        if not evaluation.ok:
            raise CandidateError(evaluation.status, evaluation.feedback)

    def selection_loss(self, task: TableTask, model: TableModel) -> float | None:
        """Return the loss of a program's screening; None where it failed."""
        return task.spec.table.evaluations[_place(task, model)].loss

    def _spec(self, name: str) -> TableSpec:
        if name not in EVALUATED_ON:
            raise UnknownNameError("task", name, self.names())
        if name not in self._tables:
            self._tables[name] = Table.read(public_file(self._folder, EVALUATED_ON[name]))
        return TableSpec(name, self._tables[name])


def _place(task: TableTask, model: TableModel) -> int:
    return task.spec.find(Program(model.source).id)


def folder_name(task: str) -> str:
    """Return the name of the folder in which a task's table is built, and the beginning of its files' names."""
    return task.replace("/", "__").replace("@", "_")


ZFISH_TABLE = TableFamily()
