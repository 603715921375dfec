"""The evaluator of a search: train a candidate apart from the parent, score its validation forecasts here.

The same for every method: same trainer, same limits, same windows, same feedback. It holds the validation targets and
nothing sealed. `bound` says the most that one evaluation may use up, and the evaluator keeps to it: whatever a program
does, it is ended when its time is over.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zfbench.base.seeds import generator
from zfbench.forecasting.feedback import feedback
from zfbench.forecasting.fit import FittedProgram, TracedProgram, fit_step, trace_program
from zfbench.forecasting.mask_check import verify_mask
from zfbench.forecasting.report import TrainingReport
from zfbench.forecasting.shared import SharedEvaluations
from zfbench.forecasting.task import Task
from zfbench.forecasting.validation import validation_score
from zfbench.protocols.executor import Evaluate
from zfbench.protocols.models import Simulator
from zfbench.protocols.sandbox import Sandbox
from zfbench.protocols.task import Evaluator
from zfbench.records.clamp import Clamp
from zfbench.records.evaluation import STANDARDISED_MSE, Evaluation
from zfbench.records.hints import BLAMED, SHARES
from zfbench.records.limits import Limits, time_limit
from zfbench.records.program import CandidateError, Program, Status
from zfbench.records.recordings import BALANCED, PLAIN, TaskSpec
from zfbench.records.spend import Spend
from zfbench.sandbox.choose import SandboxUser, open_sandbox
from zfbench.sandbox.devices import CPU
from zfbench.scoring.forecast import ForecastScore
from zfbench.scoring.isolation import isolated_errors, isolation_probes
from zfbench.scoring.laplace import laplace_log_likelihood, standardised_mse
from zfbench.scoring.objective import balanced_error, selection_loss

PRINTED = 1_000  # characters of a program's output that become feedback
BLAME_WINDOWS = 16  # validation windows on which groups are isolated, spread over all conditions


class ProgramEvaluator(SandboxUser, Evaluator):
    """Scores candidate programs on one task's validation windows.

    Args:
        task: what the candidates attempt.
        limits: what each candidate's fit may spend.
        sandbox: runs the candidates; without one, each opens its own.
        known: evaluations that searches share; None measures all.
    """

    def __init__(
        self, task: Task, limits: Limits, sandbox: Sandbox | None = None, known: SharedEvaluations | None = None
    ) -> None:
        self._task = task
        self._limits = limits
        self._sd = np.concatenate([r.activity for r in task.train]).std(axis=0, dtype=np.float64)  # [N]
        self._sandbox = sandbox
        self._known = known

    def __call__(self, program: Program, seed: int) -> Evaluation:
        """Train with that seed and score; every failure of the program becomes an evaluation with its status.

        Args:
            program: to evaluate.
            seed: of its training.
        """
        return self.several(program, [seed])[0]

    def several(self, program: Program, seeds: Sequence[int]) -> list[Evaluation]:
        """Train with several seeds at once, in the time that they may take one after the other, and score each.

        Losses agree with those of a seed alone up to rounding, so these evaluations are not shared with searches. What
        all seeds took together is divided among them.
        """
        if self._sandbox is not None:
            self._sandbox.start()  # at no candidate's expense
        began = time.monotonic()
        limits = replace(self._limits, seconds=len(seeds) * self._limits.seconds)
        deadline = began + time_limit(limits)
        try:
            traced, device = self._trace(program, min(began + limits.seconds, deadline))
        except CandidateError as error:
            return _divided([_failed(error, began, 0)] * len(seeds), began)
        found = {seed: known for seed in seeds if (known := self._find(traced, seed)) is not None}
        missing = [seed for seed in seeds if seed not in found]
        together = missing if len(missing) > 1 else ()
        for seed in missing:
            since = began if seed == missing[0] else time.monotonic()
            fit = partial(self._fit, traced, limits, seed, device, since, deadline, together)
            found[seed] = self._measure(program, seed, fit, since, None if together else traced)
        found |= zip(missing, _divided([found[seed] for seed in missing], began), strict=True)
        return [found[seed] for seed in seeds]

    def _find(self, traced: TracedProgram, seed: int) -> Evaluation | None:
        """The evaluation that another search has shared."""
        known = None if self._known is None else self._known.find(traced, seed)
        return known and replace(known, feedback=known.feedback + _quoted(traced.printed))

    def _measure(
        self,
        program: Program,
        seed: int,
        fit: Callable[[], FittedProgram],
        began: float,
        shared: TracedProgram | None,
    ) -> Evaluation:
        """Fit and score a program; what is shared with other searches is kept under its step."""
        updates = 0
        spec, inputs = self._task.spec, self._task.validation.inputs
        try:
            with fit() as fitted:
                report = fitted.report
                updates = report.updates
                prediction = fitted.forecast(inputs.context, inputs.drive)  # [B, H, N]
                verify_mask(fitted, spec, inputs.context, inputs.drive, generator(program.id, seed))
                printed = fitted.stdout  # before recordings of validation lead the program: it may print those
                blame = self._blame(fitted)
        except CandidateError as error:
            return _failed(error, began, updates)
        evaluation = self._score(prediction, blame, report, _spend(began, updates))
        if self._known is not None and shared is not None and not report.stopped_early:
            self._known.put(shared, seed, evaluation)
        return replace(evaluation, feedback=evaluation.feedback + _quoted(printed))

    def _blame(self, fitted: Simulator) -> dict[str, float]:
        """Error of each neuron group while the others follow the recording."""
        groups, inputs = self._task.spec.groups, self._task.validation.inputs
        some = np.linspace(0, len(inputs) - 1, min(BLAME_WINDOWS, len(inputs))).round().astype(int)
        target = self._task.validation.target[some]
        probes = isolation_probes(inputs.context[some], target, groups)
        drive = np.repeat(inputs.drive[some], len(set(groups)), axis=0)
        paths = fitted.rollout(probes.context, drive, Clamp(probes.mask, probes.value))
        return isolated_errors(paths, target, groups)

    def _score(
        self,
        prediction: NDArray[np.float32],
        blame: dict[str, float],
        report: TrainingReport,
        spend: Spend,
    ) -> Evaluation:
        spec, target = self._task.spec, self._task.validation.target
        score = validation_score(self._task, prediction)
        mae = score.mae
        metrics = {"mae": selection_loss(PLAIN, score), "balanced_error": selection_loss(BALANCED, score)}
        metrics["isolated_error"] = balanced_error(blame, score.control.per_group)
        metrics |= {f"mae/group/{name}": value for name, value in mae.per_group.items() if value is not None}
        metrics |= {f"mae/condition/{name}": value for name, value in mae.per_condition.items() if value is not None}
        metrics |= {f"{BLAMED}{name}": value for name, value in blame.items()}
        metrics |= {f"{SHARES}{name}": value for name, value in _shares(blame, score, spec).items()}
        optional = {
            "skill_last_value": score.skill.overall,
            STANDARDISED_MSE: standardised_mse(prediction, target, self._sd),
        }
        metrics |= {name: value for name, value in optional.items() if value is not None}
        return Evaluation(
            Status.OK,
            loss=selection_loss(spec.objective, score),
            log_likelihood=laplace_log_likelihood(prediction, target, self._sd),
            metrics=metrics,
            feedback=feedback(score, spec.objective, blame, prediction, target, spec.neurons, report),
            spend=spend,
        )

    def shared(self, folder: Path) -> ProgramEvaluator:
        """Return this evaluator with the shared evaluations of a folder."""
        depends = {
            "task": self._task.spec.name,
            "data_sha256": self._task.data_sha256,
            "limits": asdict(self._limits),  # a spend that was measured under them keeps to their bound
            "device": CPU if self._sandbox is None else self._sandbox.device,
        }
        return ProgramEvaluator(self._task, self._limits, self._sandbox, SharedEvaluations(folder, depends))

    def with_fitted(self, metric: str) -> Evaluate:
        """Return this evaluator for the squared error, which it measures anyway: training fits the constants.

        Raises:
            ZfbenchError: another metric is asked for, for which parameters must be fitted by simulation.
        """
        return self if metric == STANDARDISED_MSE else super().with_fitted(metric)

    def _fit(
        self,
        traced: TracedProgram,
        limits: Limits,
        seed: int,
        device: str,
        began: float,
        deadline: float,
        together: Sequence[int],
    ) -> FittedProgram:
        spec, train = self._task.spec, self._task.train
        return fit_step(traced, spec, train, limits, seed, device, began, deadline, together)

    def _trace(self, program: Program, deadline: float) -> tuple[TracedProgram, str]:
        """The program as data, and the device that it is trained on."""
        with contextlib.ExitStack() as held:
            box = self._sandbox or held.enter_context(open_sandbox())
            return trace_program(program.source, self._task.spec, self._limits, box, deadline), box.device


def _shares(blame: dict[str, float], score: ForecastScore, spec: TaskSpec) -> dict[str, float]:
    """What of the loss is each group's own, up to a common factor: relative errors where the loss is of these."""
    if spec.objective == PLAIN:
        return {group: error * spec.groups.count(group) for group, error in blame.items()}
    return {group: error / scale for group, error in blame.items() if (scale := score.control.per_group[group])}


def _spend(began: float, updates: int) -> Spend:
    """One evaluation, and the seconds that it held a worker."""
    seconds = time.monotonic() - began
    return Spend(evaluations=1, updates=updates, device_seconds=seconds)


def _failed(error: CandidateError, began: float, updates: int) -> Evaluation:
    """What became of a program that failed."""
    return Evaluation(error.status, feedback=str(error) + _quoted(error.printed), spend=_spend(began, updates))


def _divided(together: list[Evaluation], began: float) -> list[Evaluation]:
    """Each with its share of the seconds that all of them took; one alone as it is."""
    if len(together) < 2:
        return together
    share = (time.monotonic() - began) / len(together)
    return [replace(each, spend=replace(each.spend, device_seconds=share)) for each in together]


def _quoted(printed: str) -> str:
    """The end of what a program printed, for its author."""
    return f"\nIt printed: {printed[-PRINTED:]}" if printed else ""
