"""What the author of a family of tasks implements: plain data for methods, and the functions that use them.

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
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.executor import Evaluate
from zfbench.protocols.proposer import Interpretable, Proposer
from zfbench.protocols.sandbox import Sandbox
from zfbench.protocols.spec import Spec
from zfbench.records.evaluation import Evaluation, Generation
from zfbench.records.limits import Limits
from zfbench.records.program import Program
from zfbench.records.scores import Scores


class SearchTask(Protocol):
    """What a search may use of a task: plain data, every attribute of which is safe to show to a method.

    Attributes:
        spec: what programs may know.
        seed_program: source that searches start from.
        data_sha256: hash of the data to train and select on.
        reevaluate: whether a program that is proposed again is evaluated again, with another seed and at a price. True
            only where one evaluation of a program differs much from the next by chance.
    """

    @property
    def spec(self) -> Spec:
        """What programs may know."""
        ...

    @property
    def seed_program(self) -> str:
        """Source that searches start from."""
        ...

    @property
    def data_sha256(self) -> str:
        """Hash of the data to train and select on."""
        ...

    @property
    def reevaluate(self) -> bool:
        """Whether a repeated program is evaluated again."""
        ...


class Report(Protocol):
    """How a fit went.

    Attributes:
        updates: optimiser steps taken.
    """

    @property
    def updates(self) -> int:
        """Optimiser steps taken."""
        ...

    def to_json(self) -> dict[str, Any]:
        """JSON-compatible form."""
        ...


@runtime_checkable
class Candidate(Protocol):
    """A program that is to be judged: its source, and after `TaskFamily.fit` what the judge scores.

    Attributes:
        source: the program.
        report: how its fit went; None before the fit has ended well.
    """

    @property
    def source(self) -> str:
        """The program."""
        ...

    @property
    def report(self) -> Report | None:
        """How its fit went; None before the fit has ended well."""
        ...

    def close(self) -> None:
        """End the processes that it holds; harmless when repeated."""
        ...


class Evaluator:
    """Scores programs for a search; to inherit.

    An evaluator is called with a program and a seed. Two things it may offer beside are declared here: measuring the
    likelihood at fitted parameters, and the fast path through a proposer's interpreter. By default it has neither.
    """

    def __call__(self, program: Program, seed: int) -> Evaluation:
        """Train and score with that seed; every failure of the program becomes an evaluation with its status."""
        raise NotImplementedError

    def with_fitted(self) -> Evaluate:
        """An evaluator that also measures the metric `zfbench.records.evaluation.FITTED`.

        Raises:
            ZfbenchError: the task's programs are no simulators with parameters to fit.
        """
        raise ZfbenchError(
            "The programs of this task have no parameters that are fitted by simulation (constants of programs that "
            "forecast are trained anyway); leave out score=fitted."
        )

    def through(self, proposer: Interpretable) -> AbstractContextManager[Evaluate]:  # noqa: ARG002
        """An evaluator that trains programs through their proposer's interpreter, while the context is open.

        Raises:
            ZfbenchError: the task trains no programs.
        """
        raise ZfbenchError("This task trains no programs, so it has no fast path; leave out --fast-path.")


class Sealed(Protocol):
    """A sealed test of any kind: what a result says of its task."""

    @property
    def spec(self) -> Spec:
        """The task's specification, as the methods saw it."""
        ...

    @property
    def track(self) -> str:
        """What methods are given, as in the task's name."""
        ...

    @property
    def tier(self) -> str:
        """How much data they are given, as in the task's name."""
        ...

    @property
    def circuit(self) -> str:
        """Which system; empty where the family has one only."""
        ...

    @property
    def holdout(self) -> str:
        """Which condition no method has seen; empty where there is none."""
        ...

    @property
    def data_sha256(self) -> str:
        """Hash of the data set."""
        ...


class TaskJudge(Protocol):
    """Scores any number of fitted models on one sealed test.

    Attributes:
        sealed: the test.
        selection_score: name of the score that repeats the loss on the data to select on.
        controls: source of programs that show what scores mean, by name, such as the truth as `oracle`.
    """

    @property
    def sealed(self) -> Sealed:
        """The test."""
        ...

    @property
    def selection_score(self) -> str:
        """Name of the score that repeats the selection loss."""
        ...

    @property
    def controls(self) -> Mapping[str, str]:
        """Source of control programs by name."""
        ...

    def score(self, model: Any, progress: Callable[[str], None] = ...) -> Scores:
        """All scores of a fitted model; `progress` is told each stage as it begins."""
        ...

    def score_generations(self, generations: Sequence[Generation]) -> Scores:
        """Scores of how a search's population moved, generation by generation; none where a task has no such score."""
        ...


class TaskFamily(Protocol):
    """What the entry-point group `zfbench.tasks` holds: a family of tasks under one prefix of names."""

    def names(self) -> tuple[str, ...]:
        """The canonical task names, for lists and help."""
        ...

    def load(self, name: str) -> SearchTask:
        """The task of that full name, without anything sealed.

        Raises:
            UnknownNameError: the family has no such task.
        """
        ...

    def judge(self, name: str) -> TaskJudge:
        """The judge of the task of that name; it alone loads the sealed test."""
        ...

    def evaluator(self, task: Any, limits: Limits, sandbox: Sandbox | None) -> Evaluator:
        """What scores the programs of a search on a task of this family; each program may spend `limits`."""
        ...

    def candidate(self, task: Any, source: str, seed: int, sandbox: Sandbox | None) -> Candidate:
        """A program that is to be judged; it has not run yet."""
        ...

    def baseline(self, task: Any, name: str, seed: int) -> Any:
        """The registered baseline of that name, made for the task and not fitted yet.

        Raises:
            UnknownNameError: there is no such baseline.
            ZfbenchError: the tasks of this family have no recordings that a baseline could forecast.
        """
        ...

    def future_drive(self, task: Any, baseline: str | None) -> bool | None:
        """Whether a method is given the drive of the horizon.

        Args:
            task: of this family.
            baseline: its registered name; None for a program.

        Returns:
            None where the task has no drive.
        """
        ...

    def fit(self, task: Any, model: Any, limits: Limits) -> None:
        """Fit a candidate or a baseline to the task's training data.

        Raises:
            CandidateError: it failed; status and sentence say how.
        """
        ...

    def selection_loss(self, task: Any, model: Any) -> float | None:
        """Loss of a fitted model on the data to select on, lower is better; None if it has none or it is not finite."""
        ...


def fast_path(evaluator: Evaluator, proposer: Proposer, name: str) -> AbstractContextManager[Evaluate]:
    """The fast path of a proposer through an evaluator.

    Raises:
        ZfbenchError: the proposer is not trusted or has no interpreter, or the task trains no programs.
    """
    if not (isinstance(proposer, Interpretable) and proposer.trusted):
        raise ZfbenchError(f"The proposer '{name}' has no fast path; leave out --fast-path.")
    return evaluator.through(proposer)
