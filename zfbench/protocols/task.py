"""The interfaces that the author of a family of tasks implements: plain data, and the functions that use them.

Three kinds of object, in order of trust. A `Spec` is what every program may know. A `SearchTask` adds the data to
train and select on; it is what a search works with, and it is plain data. A `Sealed` test is what the judge alone
loads. No attribute of the first two leads to the third.

A `TaskFamily` holds the functions: it loads tasks by name, evaluates programs, fits what is to be judged, and makes
the judge. The two kinds of task that zfbench ships, programs that forecast recordings (`zfbench.forecasting`) and
simulators with a likelihood (`zfbench.simulators`), differ in their families alone; nothing else asks which kind a
task is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.executor import Evaluate
from zfbench.protocols.sandbox import Sandbox
from zfbench.protocols.spec import Spec
from zfbench.records.evaluation import Evaluation, Generation
from zfbench.records.limits import Limits
from zfbench.records.program import Program
from zfbench.records.scores import Scores


class SearchTask(Protocol):
    """The part of a task that a search may use: plain data, all of which is safe to show to a method.

    Attributes:
        spec: the specification, which programs may know.
        seed_program: source that searches start from.
        data_sha256: hash of the data to train and select on.
        reevaluate: True if a program that is proposed again is evaluated again, with another seed and charged to the
            budget. This is so only where evaluations of one program differ much by chance.
    """

    @property
    def spec(self) -> Spec:
        """The specification, which programs may know."""
        ...

    @property
    def seed_program(self) -> str:
        """The source of the program that searches start from."""
        ...

    @property
    def data_sha256(self) -> str:
        """Hash of the data to train and select on."""
        ...

    @property
    def reevaluate(self) -> bool:
        """True if a program that is proposed again is evaluated again."""
        ...


class Report(Protocol):
    """A report of the course of a fit.

    Attributes:
        updates: optimiser steps taken.
    """

    @property
    def updates(self) -> int:
        """The number of optimiser steps."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-compatible form."""
        ...


@runtime_checkable
class Candidate(Protocol):
    """A program that is to be judged: its source, and after `TaskFamily.fit` the fitted model that the judge scores.

    Attributes:
        source: the program.
        report: report of its fit; None before the fit has ended well.
    """

    @property
    def source(self) -> str:
        """The source of the program."""
        ...

    @property
    def report(self) -> Report | None:
        """The report of its fit; None before the fit has ended well."""
        ...

    def close(self) -> None:
        """End the processes that it holds; further calls do nothing."""
        ...


@runtime_checkable
class CarriedOut(Protocol):
    """A candidate that names the engine that runs it, so that results can record the engine.

    Attributes:
        engine: name of the engine, and the version of the form that the program has there.
    """

    @property
    def engine(self) -> str:
        """The name of the engine that runs it, and the version of the form that the program has there."""
        ...


class Evaluator:
    """The function that scores programs for a search; a class to inherit from.

    An evaluator is called with a program and a seed. Further abilities are declared here, which by default it does not
    have: training several seeds at once, sharing evaluations with other searches, and measuring the likelihood at
    fitted parameters.
    """

    def __call__(self, program: Program, seed: int) -> Evaluation:
        """Train and score a program with a seed; every failure of the program becomes an evaluation with its status."""
        raise NotImplementedError

    def several(self, program: Program, seeds: Sequence[int]) -> list[Evaluation]:
        """Train and score a program with several seeds; at once where that can be done, else one after the other.

        Losses agree with those of a seed alone up to rounding.
        """
        return [self(program, seed) for seed in seeds]

    def shared(self, folder: Path) -> Evaluator:
        """Return an evaluator that takes evaluations from a folder where they are known, and keeps new ones there.

        An evaluation from the folder has the spend with which it was measured.

        Raises:
            ZfbenchError: evaluations of this task are not shared.
        """
        raise ZfbenchError(f"Evaluations of this task are not shared; leave out the folder {folder}.")

    def with_fitted(self, metric: str) -> Evaluate:
        """Return an evaluator that also measures a metric at fitted parameters.

        Args:
            metric: `FITTED` or `STANDARDISED_MSE` of `zfbench.records.evaluation`.

        Raises:
            ZfbenchError: the programs of this task have no parameters that this metric could be measured at.
        """
        raise ZfbenchError(
            f"The discoverer needs {metric}, which this task does not measure, because its programs have no parameters "
            "that are fitted by simulation; use `funsearch`, or `modelsmc` with weights=likelihood."
        )


class Sealed(Protocol):
    """A sealed test of any kind, with the facts that a result records about its task."""

    @property
    def spec(self) -> Spec:
        """The task's specification, as the methods saw it."""
        ...

    @property
    def track(self) -> str:
        """The information that methods are given, as in the task's name."""
        ...

    @property
    def tier(self) -> str:
        """The amount of data that methods are given, as in the task's name."""
        ...

    @property
    def circuit(self) -> str:
        """The system; empty if the family has one only."""
        ...

    @property
    def holdout(self) -> str:
        """The condition that no method has seen; empty where there is none."""
        ...

    @property
    def data_sha256(self) -> str:
        """Hash of the data set."""
        ...


class TaskJudge(Protocol):
    """A judge of any number of fitted models on one sealed test.

    Attributes:
        sealed: the test.
        selection_score: name of the score that equals the loss on the data to select on.
        controls: sources of programs that scores can be compared with, by name, such as the true model as `oracle`.
    """

    @property
    def sealed(self) -> Sealed:
        """The sealed test."""
        ...

    @property
    def selection_score(self) -> str:
        """Name of the score that equals the loss on the data to select on."""
        ...

    @property
    def controls(self) -> Mapping[str, str]:
        """Sources of control programs by name, such as the true model as `oracle`."""
        ...

    def score(self, model: Any, progress: Callable[[str], None] = ..., seed: int = ...) -> Scores:
        """Compute all scores of a fitted model.

        Args:
            model: the fitted model.
            progress: told the name of each stage as it begins.
            seed: seed of the run, for what a judge draws.

        Raises:
            CandidateError: the model is refused, and gets no score in any family.
        """
        ...

    def score_generations(self, generations: Sequence[Generation]) -> Scores:
        """Score the generations of a search's population; the result is empty for a task without such scores."""
        ...


class TaskFamily(Protocol):
    """A family of tasks under one prefix of names; the entries of the group `zfbench.tasks` are of this form."""

    def names(self) -> tuple[str, ...]:
        """Return the canonical names of its tasks, for lists and help."""
        ...

    def load(self, name: str) -> SearchTask:
        """Load the task of that full name, without anything sealed.

        Raises:
            UnknownNameError: the family has no such task.
        """
        ...

    def judge(self, name: str) -> TaskJudge:
        """Make the judge of the task of that name; it alone loads the sealed test."""
        ...

    def evaluator(self, task: Any, limits: Limits, sandbox: Sandbox | None) -> Evaluator:
        """Make the evaluator of a search.

        Args:
            task: task of this family.
            limits: limits of each evaluation.
            sandbox: runs the programs; None for tasks that run none.

        Returns:
            The evaluator.
        """
        ...

    def candidate(self, task: Any, source: str, seed: int, sandbox: Sandbox | None) -> Candidate:
        """Make a candidate from a source, without running it yet.

        Args:
            task: task of this family.
            source: source of the program.
            seed: seed of its training.
            sandbox: runs the program; without one, the candidate opens its own.

        Returns:
            The candidate, not fitted yet.
        """
        ...

    def baseline(self, task: Any, name: str, seed: int) -> Any:
        """Make a registered baseline for a task, not fitted yet.

        Args:
            task: task of this family.
            name: registered name of the baseline.
            seed: seed of its fit.

        Returns:
            The baseline.

        Raises:
            UnknownNameError: there is no such baseline.
            ZfbenchError: the tasks of this family have no recordings that a baseline could forecast.
        """
        ...

    def future_drive(self, task: Any, baseline: str | None) -> bool | None:
        """Return True if a method is given the drive of the horizon.

        Args:
            task: task of this family.
            baseline: registered name of the baseline; None for a program.

        Returns:
            True or False; None if the task has no drive.
        """
        ...

    def fit(self, task: Any, model: Any, limits: Limits) -> None:
        """Fit a candidate or a baseline to the task's training data.

        Args:
            task: task of this family.
            model: the candidate or baseline.
            limits: limits of the fit.

        Raises:
            CandidateError: the candidate failed; its status and sentence say how.
        """
        ...

    def selection_loss(self, task: Any, model: Any) -> float | None:
        """Return the loss of a fitted model on the data to select on; lower is better.

        It is None if the model has no such loss, or if the loss is not finite.
        """
        ...
