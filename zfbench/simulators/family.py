"""The functions of every family of simulator tasks; its author states each as a `Problem` (see docs/tasks.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.protocols.sandbox import Sandbox
from zfbench.records.limits import Limits
from zfbench.simulators.evaluator import SimulatorEvaluator
from zfbench.simulators.judge import SimulatorJudge
from zfbench.simulators.model import SimulatorModel
from zfbench.simulators.problem import Problem, SealedSimulator, SimulatorTask


class SimulatorFamily:
    """A family of simulator tasks, as the entry-point group `zfbench.tasks` holds it.

    Args:
        problems: what makes each task's problem, by the task's name; called when the task is first loaded.
        variants: makes problems of names that are not listed (such as `name@folder:...`); None where there is no such
            task.
    """

    def __init__(
        self,
        problems: Mapping[str, Callable[[], Problem]],
        variants: Callable[[str], Problem | None] = lambda _: None,
    ) -> None:
        self._problems = problems
        self._variants = variants
        self._problem = lru_cache(self._make)

    def names(self) -> tuple[str, ...]:
        """The canonical task names."""
        return tuple(self._problems)

    def load(self, name: str) -> SimulatorTask:
        """The task of that full name, as methods may see it."""
        return self._problem(name).task

    def seal(self, name: str) -> SealedSimulator:
        """The sealed test of the task of that name; for the judge alone."""
        return SealedSimulator(self._problem(name), tier="tiny" if "-tiny" in name else "standard")

    def judge(self, name: str) -> SimulatorJudge:
        """The judge of the task of that name."""
        return SimulatorJudge(self.seal(name))

    def evaluator(self, task: SimulatorTask, limits: Limits, sandbox: Sandbox | None) -> SimulatorEvaluator:
        """What scores the programs of a search by their marginal likelihood."""
        return SimulatorEvaluator(task, limits, sandbox)

    def candidate(self, task: SimulatorTask, source: str, seed: int, sandbox: Sandbox | None) -> SimulatorModel:
        """A program that is to be judged."""
        return SimulatorModel(source, task, seed, sandbox)

    def baseline(self, task: SimulatorTask, name: str, seed: int) -> Any:  # noqa: ARG002
        """There is none.

        Raises:
            ZfbenchError: always; baselines forecast recordings.
        """
        raise no_recordings(task.spec.name)

    def future_drive(self, task: SimulatorTask, baseline: str | None) -> bool | None:  # noqa: ARG002
        """None: there is no drive."""
        return None

    def fit(self, task: SimulatorTask, model: SimulatorModel, limits: Limits) -> None:  # noqa: ARG002
        """Simulate the program, and learn its likelihood."""
        model.fit(limits)

    def selection_loss(self, task: SimulatorTask, model: SimulatorModel) -> float | None:
        """Minus the log marginal likelihood of the observations to select on."""
        return -model.log_marginal(task.observed).total

    def _make(self, name: str) -> Problem:
        made = self._problems[name]() if name in self._problems else self._variants(name)
        if made is None:
            raise UnknownNameError("task", name, self.names())
        if made.spec.name != name:
            raise ZfbenchError(f"The task '{name}' calls itself '{made.spec.name}'; give both the same name.")
        return made


def no_recordings(task: str) -> ZfbenchError:
    """The error of asking for a baseline on a task without recordings."""
    return ZfbenchError(f"The task '{task}' has no recordings that a baseline could forecast; search programs on it.")
