"""The functions of every family of simulator tasks; its author states each as a `Problem` (see docs/tasks.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.protocols.sandbox import Sandbox
from zfbench.protocols.task import SearchTask
from zfbench.records.limits import Limits
from zfbench.simulators.evaluator import SimulatorEvaluator
from zfbench.simulators.judge import SimulatorJudge
from zfbench.simulators.model import SimulatorModel
from zfbench.simulators.problem import Problem, SealedSimulator, SimulatorTask


class WithoutRecordings:
    """A part of a family of tasks that have no recordings: no baseline could forecast anything there."""

    def baseline(self, task: SearchTask, name: str, seed: int) -> Any:  # noqa: ARG002
        """Refuse: baselines forecast recordings.

        Args:
            task: the task.
            name: name of the baseline.
            seed: not used.

        Raises:
            ZfbenchError: always.
        """
        raise ZfbenchError(
            f"The task '{task.spec.name}' has no recordings that a baseline could forecast; search programs on it."
        )

    def future_drive(self, task: SearchTask, baseline: str | None) -> bool | None:  # noqa: ARG002
        """Return None, because without recordings there is no drive."""
        return None


class SimulatorFamily(WithoutRecordings):
    """A family of simulator tasks, as registered in the entry-point group `zfbench.tasks`.

    Args:
        problems: for each task's name, a function that makes its problem; called when the task is first loaded.
        variants: function that makes the problems of names that are not listed (such as `name@folder:...`); it returns
            None where there is no such task.
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
        """Return the canonical names of the tasks."""
        return tuple(self._problems)

    def load(self, name: str) -> SimulatorTask:
        """Return the task of that full name, without anything that only the judge may see.

        Raises:
            UnknownNameError: there is no such task.
        """
        return self._problem(name).task

    def seal(self, name: str) -> SealedSimulator:
        """Return the sealed test of the task of that name, which only the judge may load."""
        return SealedSimulator(self._problem(name), tier="tiny" if "-tiny" in name else "standard")

    def judge(self, name: str) -> SimulatorJudge:
        """Return the judge of the task of that name."""
        return SimulatorJudge(self.seal(name))

    def evaluator(self, task: SimulatorTask, limits: Limits, sandbox: Sandbox | None) -> SimulatorEvaluator:
        """Return an evaluator, which scores the programs of a search by their marginal likelihood.

        Args:
            task: the task that the programs solve.
            limits: limits of each program.
            sandbox: runs the programs; without one, each program opens its own.
        """
        return SimulatorEvaluator(task, limits, sandbox)

    def candidate(self, task: SimulatorTask, source: str, seed: int, sandbox: Sandbox | None) -> SimulatorModel:
        """Return a program that is to be judged, not run yet.

        Args:
            task: the task that the program solves.
            source: its source.
            seed: seed of all draws and fits.
            sandbox: runs the program; without one, it opens its own.
        """
        return SimulatorModel(source, task, seed, sandbox)

    def fit(self, task: SimulatorTask, model: SimulatorModel, limits: Limits) -> None:  # noqa: ARG002
        """Simulate a program and learn its likelihood.

        Args:
            task: the task that the program solves.
            model: the program.
            limits: limits of simulating and learning.

        Raises:
            CandidateError: the program failed.
        """
        model.fit(limits)

    def selection_loss(self, task: SimulatorTask, model: SimulatorModel) -> float | None:
        """Return minus the log marginal likelihood of the observations to select on, in nats."""
        return -model.log_marginal(task.observed).total

    def _make(self, name: str) -> Problem:
        made = self._problems[name]() if name in self._problems else self._variants(name)
        if made is None:
            raise UnknownNameError("task", name, self.names())
        if made.spec.name != name:
            raise ZfbenchError(f"The task '{name}' calls itself '{made.spec.name}'; give both the same name.")
        return made
