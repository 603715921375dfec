"""Tasks by name: the registered families, and tasks together with the functions of their families."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from zfbench.base import plugins
from zfbench.base.errors import UnknownNameError, ZfbenchError

if TYPE_CHECKING:  # names of tasks are listed without NumPy
    from zfbench.protocols.task import SearchTask, TaskFamily, TaskJudge


PROPOSERS = {  # of families whose programs `grammar` does not write
    "zfish-table": "table",
    "sir": "epidemics",
    "hodgkin_huxley": "channels",
    "mixtures": "finite",
}


@dataclass(frozen=True)
class LoadedTask:
    """A task, the functions of its family, and its judge.

    Attributes:
        name: full name of the task.
        family: family of the task.
    """

    name: str
    family: TaskFamily

    @cached_property
    def task(self) -> SearchTask:
        """The part of the task that methods may see; loaded at the first access."""
        return self.family.load(self.name)

    @cached_property
    def judge(self) -> TaskJudge:
        """The judge of the task, which loads the sealed test; made at the first access."""
        return self.family.judge(self.name)


def find_task(name: str) -> LoadedTask:
    """Return the task of that name; its data are loaded at the first access.

    Raises:
        UnknownNameError: no family has that prefix.
    """
    return LoadedTask(name, _family_of(name))


def load_task(name: str) -> SearchTask:
    """Load the task of that name, as methods may see it.

    Raises:
        UnknownNameError: there is none.
    """
    return find_task(name).task


def load_judge(name: str) -> TaskJudge:
    """Make the judge of the task of that name.

    Raises:
        UnknownNameError: there is no such task.
    """
    return find_task(name).judge


def _silent(_: str) -> None:
    """Report problems to nobody."""


def task_names(report: Callable[[str], None] = _silent) -> tuple[str, ...]:
    """The canonical names of the tasks of every registered family, as its package declares them, or else tells itself.

    Args:
        report: told, in a sentence, of each family that cannot.
    """
    names: list[str] = []
    for family in plugins.names("task"):
        try:
            names += plugins.declared_task_names(family) or _family(family).names()
        except ZfbenchError as error:
            report(str(error))
    return tuple(names)


def _family(name: str) -> TaskFamily:
    family: TaskFamily = plugins.load("task", name)
    return family


def family_name(task: str) -> str:
    """Return the name of a task's family: the part of the task's name before the first `/` or `@`.

    If no family is registered under all of that part, it is what stands before the first `-`: the rest names a tier.
    """
    head = task.split("/")[0].split("@")[0]
    return head if head in plugins.names("task") else head.split("-")[0]


def usual_proposer(task: str) -> str:
    """Return the name of the proposer that searches on a task have unless another is chosen; see `PROPOSERS`."""
    return PROPOSERS.get(family_name(task), "grammar")


def _family_of(task: str) -> TaskFamily:
    prefix = family_name(task)
    if prefix not in plugins.names("task"):
        raise UnknownNameError("task", task, task_names())
    return _family(prefix)
