"""A program as a model the judge can score: trained in a child process, its wiring verified where one was given."""

from __future__ import annotations

from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from zfbench.base.seeds import generator
from zfbench.engine.serialise import ENGINE
from zfbench.forecasting.fit import FittedProgram, fit_program
from zfbench.forecasting.mask_check import verify_mask
from zfbench.forecasting.report import TrainingReport
from zfbench.protocols.sandbox import Sandbox
from zfbench.records.clamp import Clamp
from zfbench.records.limits import Limits
from zfbench.records.program import Program
from zfbench.records.recordings import LabelledWindows, Recording, TaskSpec


class ProgramModel:
    """A candidate program from source to predictions; a `Forecaster` and a `Simulator`.

    It holds a child process from `fit` until `close`; use it as a context manager. Without a sandbox it opens one of
    its own.

    Attributes:
        engine: what carries it out.
    """

    engine = ENGINE

    def __init__(self, source: str, spec: TaskSpec, seed: int, sandbox: Sandbox | None = None) -> None:
        self.source = source
        self._spec = spec
        self._seed = seed
        self._sandbox = sandbox
        self._fitted: FittedProgram | None = None

    def compute_in(self, sandbox: Sandbox) -> None:
        """Be traced in that sandbox, and compute on its device."""
        self._sandbox = sandbox

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Train; check that no input that the task's masks forbid reaches any neuron.

        Raises:
            CandidateError: the program failed; its status and sentence say how.
        """
        self.close()
        self._fitted = fit_program(self.source, self._spec, train, limits, self._seed, self._sandbox)
        inputs = validation.inputs
        rng = generator(Program(self.source).id, self._seed)  # a program cannot know what is drawn
        verify_mask(self._fitted, self._spec, inputs.context, inputs.drive, rng)

    @property
    def report(self) -> TrainingReport | None:
        """How the training went; None before it ended well."""
        return None if self._fitted is None else self._fitted.report

    @property
    def hidden_state(self) -> bool:
        """See `zfbench.protocols.models.Stateful`; known of the fitted program."""
        return self._running.report.recurrent

    def forecast(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `zfbench.protocols.models.Forecaster.forecast`."""
        return self._running.forecast(context, drive)

    def rollout(
        self, context: NDArray[np.float32], drive: NDArray[np.float32], clamp: Clamp | None = None
    ) -> NDArray[np.float32]:
        """See `zfbench.protocols.models.Simulator.rollout`."""
        return self._running.rollout(context, drive, clamp)

    def close(self) -> None:
        """End the child process."""
        if self._fitted is not None:
            self._fitted.close()
            self._fitted = None

    @property
    def _running(self) -> FittedProgram:
        if self._fitted is None:
            raise RuntimeError("fit the program before using it, and use it before closing it")
        return self._fitted

    def __enter__(self) -> ProgramModel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
