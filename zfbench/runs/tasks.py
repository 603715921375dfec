"""Tasks by name: the registered families, and a task together with the functions of its family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from zfbench.base import plugins
from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.protocols.task import SearchTask, TaskFamily, TaskJudge


@dataclass(frozen=True)
class LoadedTask:
    """A task, the functions of its family, and its judge.

    Attributes:
        name: its full name.
        family: its family.
    """

    name: str
    family: TaskFamily

    @cached_property
    def task(self) -> SearchTask:
        """What methods may see of it; loaded when first asked for."""
        return self.family.load(self.name)

    @cached_property
    def judge(self) -> TaskJudge:
        """Its judge, who loads the sealed test; made when first asked for."""
        return self.family.judge(self.name)


def find_task(name: str) -> LoadedTask:
    """The task of that name; its data are read when they are first asked for.

    Raises:
        UnknownNameError: no family has that prefix.
    """
    return LoadedTask(name, _family_of(name))


def load_task(name: str) -> SearchTask:
    """The task of that name, as methods may see it.

    Raises:
        UnknownNameError: there is none.
    """
    return find_task(name).task


def load_judge(name: str) -> TaskJudge:
    """The judge of the task of that name.

    Raises:
        UnknownNameError: there is no such task.
    """
    return find_task(name).judge


def _silent(_: str) -> None:
    """Report problems to nobody."""


def task_names(report: Callable[[str], None] = _silent) -> tuple[str, ...]:
    """The canonical names of the tasks of every registered family that can be loaded.

    Args:
        report: told, in a sentence, of each family that cannot.
    """
    names: list[str] = []
    for family in plugins.names("task"):
        try:
            names += _family(family).names()
        except ZfbenchError as error:
            report(str(error))
    return tuple(names)


def _family(name: str) -> TaskFamily:
    family: TaskFamily = plugins.load("task", name)
    return family


def _family_of(task: str) -> TaskFamily:
    """The family whose prefix the task's name has: up to the first of `-`, `/`, `@`."""
    prefix = task.split("/")[0].split("@")[0].split("-")[0]
    if prefix not in plugins.names("task"):
        raise UnknownNameError("task", task, task_names())
    return _family(prefix)
