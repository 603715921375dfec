"""DeepAR: a recurrent network that outputs the distribution of the next value and is fed its own samples.

Salinas, Flunkert, Gasthaus & Januschowski (2020), "DeepAR: Probabilistic forecasting with autoregressive recurrent
networks", doi:10.1016/j.ijforecast.2019.07.001. The network is that of gluonts (`DeepARModel`). Training and sampling
are implemented here, because gluonts' own loops neither count updates nor batch the sampling of thousands of series.
Each neuron of each window is one series, with a learned embedding of the neuron's index; the drive, where it is given,
is a covariate, also over the horizon (`deepar_driven`). The likelihood is Gaussian, the paper's choice for real values,
and its negative logarithm (equation 2) is minimised by Adam. Layers, cells and batch are gluonts' defaults. Values are
not rescaled: the paper's scale, 1 + the mean of the context (section 3.3), would lie between 1 and 2 for rates in [0,
1].

The network moves in strides of `STRIDE` steps of the task: it reads the last value and the mean drive of each stride,
and forecasts between its values are interpolated. The paper forecasts 24 to 52 steps ahead; over the 256 steps of this
task, a network that has only been trained on true values drifts away when it is fed its own samples (docs/baselines.md
has the measurement).

The median of the sample paths is scored, and their CRPS is reported. A neuron's forecast reads that neuron's past only,
so there is no one-step map between neurons.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.base.numerics import CPU
from zfbench.baselines.checks import check_data
from zfbench.baselines.devices import torch_device
from zfbench.baselines.direct import DirectReport
from zfbench.forecasting.task import Task
from zfbench.protocols.sandbox import Sandbox
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Status
from zfbench.records.recordings import LabelledWindows, Recording, TaskSpec

if TYPE_CHECKING:
    import torch

STRIDE = 16  # steps of the task in one step of the network; our choice, so that 256 steps are 16 of the network's
LEARNING_RATE = 1e-2  # initial rate; our choice, as the paper sets it by hand for each data set
FINAL_RATE = 0.02  # final rate relative to the initial one, reached by a cosine at the last update; our choice
BATCH = 32  # series in an update (gluonts' default)
LAYERS = 2  # gluonts' default
CELLS = 40  # units of a layer (gluonts' default)
SAMPLES = 20  # sample paths of each series; our choice
GRADIENT_NORM = 10.0  # norm to which gradients are clipped (gluonts' default)
VALIDATE_EVERY = 250  # updates between validations (ZAPBench)
PATIENCE = 20  # validations without an improvement after which training ends (ZAPBench)
WINDOWS_PER_CALL = 16  # windows sampled at once, each with all paths of all neurons

_INITIALISING = Lock()  # torch draws initial weights from a generator that the whole process shares


@dataclass(frozen=True)
class DeepARMethod:
    """DeepAR with a context length, as registered in the entry-point group `zfbench.baselines`.

    Attributes:
        context: C, steps of the past that it reads.
        needs: ("drive",) if the drive is a covariate.
    """

    kind: ClassVar[Literal["baseline"]] = "baseline"
    depends_on_seed: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("torch", "gluonts")  # the extra `forecast`
    context: int
    needs: tuple[str, ...] = ()

    @property
    def uses_drive(self) -> bool:
        """True if it reads the drive of the horizon."""
        return "drive" in self.needs

    def __call__(self, task: Task, seed: int) -> DeepAR:
        """Return a forecaster that is not fitted yet.

        Raises:
            ZfbenchError: gluonts is not installed.
        """
        return DeepAR(self, task.spec, seed)


deepar_c256 = DeepARMethod(context=256)
deepar_driven_c256 = DeepARMethod(context=256, needs=("drive",))


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Use one torch thread: steps this small gain nothing from a second one, which waits busily and slows others."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class DeepAR:
    """DeepAR on one task; implements `Forecaster`, `Probabilistic`, `Direct`, `Metered` and `Placed`.

    Args:
        method: settings of the method.
        spec: specification of the task.
        seed: seed of weights, batches and samples.
    """

    kind: Literal["baseline"] = "baseline"
    one_step_map = False

    def __init__(self, method: DeepARMethod, spec: TaskSpec, seed: int) -> None:
        self.report = DirectReport(0, 0, 0, False, ())
        self._method, self._spec, self._seed = method, spec, seed
        self._stride = math.gcd(STRIDE, method.context, spec.horizon)
        self._network = _network(method, spec, self._stride, seed)
        self._device = CPU

    def compute_in(self, sandbox: Sandbox) -> None:
        """Compute on the sandbox's device; weights, batches and noise are drawn as on the processor."""
        self._device = torch_device(sandbox.device)
        self._network.to(self._device)

    @_one_thread()
    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Train until the updates, the seconds or the patience run out, and keep the best validation likelihood.

        Args:
            train: recordings to fit.
            validation: windows to select on.
            limits: updates and seconds.

        Raises:
            ZfbenchError: the data cannot be learned from; see `check_data`.
            CandidateError: non_finite; the likelihood of the validation windows never was finite.
        """
        import torch

        deadline = time.monotonic() + limits.seconds
        check_data(train, validation, self._spec, self._method.context, self._spec.horizon)
        rng = np.random.default_rng(self._seed)
        optimiser = torch.optim.Adam(self._network.parameters(), lr=LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, limits.updates, FINAL_RATE * LEARNING_RATE)
        held_out = self._validation_batch(validation)
        curve: list[tuple[int, float]] = []
        best, best_update, best_state, patience, done, late = np.inf, 0, {}, PATIENCE, 0, False
        while done < limits.updates and patience > 0 and not late:
            optimiser.zero_grad()
            self._loss(*self._draw(train, rng)).backward()
            torch.nn.utils.clip_grad_norm_(self._network.parameters(), GRADIENT_NORM)
            optimiser.step()
            schedule.step()
            done, late = done + 1, time.monotonic() > deadline
            if done % VALIDATE_EVERY == 0 or done == limits.updates or late:
                with torch.no_grad():
                    error = float(self._loss(*held_out))
                error = error if np.isfinite(error) else np.inf
                curve.append((done, error))
                patience = PATIENCE if error < best else patience - 1
                if error < best:
                    best, best_update, best_state = error, done, self._copy_of_weights()
        if not best_state:
            raise CandidateError(Status.NON_FINITE, "The likelihood of the validation windows was never finite.")
        self._network.load_state_dict(best_state)
        size = sum(p.numel() for p in self._network.parameters())
        self.report = DirectReport(done, best_update, size, late and done < limits.updates, tuple(curve))

    def _copy_of_weights(self) -> dict[str, Any]:
        """Return a copy of the network's weights, by name."""
        return {name: weights.clone() for name, weights in self._network.state_dict().items()}

    def forecast(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the median of the sample paths.

        Args:
            context: [B, C', N], activity before the forecast, C' at least C.
            drive: [B, C' + H, D].

        Returns:
            [B, H, N].
        """
        return np.median(self.sample(context, drive), axis=0)

    @_one_thread()
    def sample(self, context: NDArray[np.float32], drive: NDArray[np.float32]) -> NDArray[np.float32]:
        """Draw S = `SAMPLES` sample paths of every window.

        Args:
            context: [B, C', N], activity before the forecast, C' at least C.
            drive: [B, C' + H, D].

        Returns:
            [S, B, H, N].

        Raises:
            ZfbenchError: the context is shorter than C, or the horizon is not that of the task.
        """
        import torch

        C, H = self._method.context, self._spec.horizon
        if context.shape[1] < C or drive.shape[1] - context.shape[1] != H:
            raise ZfbenchError(
                f"A window of {context.shape[1]} + {drive.shape[1] - context.shape[1]} steps was given to DeepAR, "
                f"which was made for {C} + {H}; give at least that context and exactly that horizon."
            )
        past, x = self._tensor(context[:, -C:]), self._tensor(drive[:, -C - H :])
        with torch.no_grad():
            chunks = zip(past.split(WINDOWS_PER_CALL), x.split(WINDOWS_PER_CALL), strict=True)
            return torch.cat([self._sample_windows(*chunk).cpu() for chunk in chunks], dim=1).numpy()

    def _draw(
        self, train: tuple[Recording, ...], rng: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Draw a training batch; see `_tensors`."""
        rows = self._method.context + self._spec.horizon
        room = np.array([max(len(r.activity) - rows + 1, 0) for r in train])
        recordings = rng.choice(len(train), BATCH, p=room / room.sum())
        starts = rng.integers(room[recordings])
        neurons = rng.integers(len(self._spec.neurons), size=BATCH)
        series, drive = [], []
        for r, start, neuron in zip(recordings, starts, neurons, strict=True):
            series.append(train[r].activity[start : start + rows, neuron])
            drive.append(train[r].drive[start : start + rows])
        return self._tensors(np.stack(series), neurons, np.stack(drive))

    def _validation_batch(self, windows: LabelledWindows) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return all neurons of all validation windows as one batch; see `_tensors`."""
        C, H = self._method.context, self._spec.horizon
        whole = np.concatenate([windows.inputs.context[:, -C:], windows.target], axis=1)  # [B, C + H, N]
        B, _, N = whole.shape
        series = whole.swapaxes(1, 2).reshape(B * N, C + H)
        return self._tensors(series, np.tile(np.arange(N), B), windows.inputs.drive[:, -C - H :].repeat(N, axis=0))

    def _tensors(
        self, series: NDArray, neurons: NDArray, drive: NDArray
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Convert series [B, C + H], neurons [B] and drive [B, C + H, D] to T steps of the network.

        The result is the last value of each stride [B, T], the neurons [B], and covariates [B, T, D'].
        """
        last = self._tensor(series[:, self._stride - 1 :: self._stride].copy())
        return last, self._tensor(neurons), self._covariates(self._tensor(drive))

    def _tensor(self, array: NDArray) -> torch.Tensor:
        """Convert an array to a tensor on the device."""
        import torch

        return torch.as_tensor(array, device=self._device)

    def _covariates(self, drive: torch.Tensor) -> torch.Tensor:
        """Return the mean drive of each stride, or a constant, since gluonts' network needs a covariate."""
        mean = drive.unflatten(1, (-1, self._stride)).mean(dim=2)  # [B, T, D]
        return mean if self._method.uses_drive else mean.new_ones((*mean.shape[:2], 1))

    def _loss(self, series: torch.Tensor, neuron: torch.Tensor, covariates: torch.Tensor) -> torch.Tensor:
        """Return the mean negative log-likelihood of all steps but the first (equation 2).

        Each step is given the true step before it.
        """
        distribution, _ = self._unroll(series[:, :-1], self._static(neuron), covariates[:, 1:])
        return -distribution.log_prob(series[:, 1:]).mean()

    def _static(self, neuron: torch.Tensor) -> torch.Tensor:
        """Return the static features of the series [B, F]: the neuron's embedding, and two zeros.

        The zeros stand for gluonts' inputs of a static attribute and of the scale, which are not used.
        """
        import torch

        return torch.nn.functional.pad(self._network.embedder(neuron[:, None]), (0, 2))

    def _unroll(
        self, previous: torch.Tensor, static: torch.Tensor, covariates: torch.Tensor, state: Any = None
    ) -> tuple[torch.distributions.Distribution, Any]:
        """Return the distributions at steps t, given the values [B, T] at t - 1 and the covariates [B, T, D'] at t."""
        import torch

        features = static[:, None].expand(-1, previous.shape[1], -1)
        output, state = self._network.rnn(torch.cat([previous[..., None], features, covariates], dim=-1), state)
        return self._network.output_distribution(self._network.param_proj(output)), state

    def _sample_windows(self, past: torch.Tensor, drive: torch.Tensor) -> torch.Tensor:
        """Sample paths [S, B, H, N] of contexts [B, C, N], step by step.

        All windows get the same noise, so that the samples of one do not depend on those beside it.
        """
        import torch

        B, _, N = past.shape
        covariates = self._covariates(drive).repeat_interleave(N, dim=0)  # [B N, T, D'], T network steps in C + H
        series = past[:, self._stride - 1 :: self._stride].transpose(1, 2).reshape(B * N, -1)  # [B N, T_past]
        T_past = series.shape[1]
        static = self._static(torch.arange(N, device=self._device).repeat(B))
        state = None
        if T_past > 1:
            _, state = self._unroll(series[:, :-1], static, covariates[:, 1:T_past])
            state = tuple(s.repeat_interleave(SAMPLES, dim=1) for s in state)
        generator = torch.Generator().manual_seed(self._seed)
        static = static.repeat_interleave(SAMPLES, dim=0)
        path = [series[:, -1:].repeat_interleave(SAMPLES, dim=0)]  # [B N S, 1] each
        for t in range(T_past, covariates.shape[1]):
            now = covariates[:, t : t + 1].repeat_interleave(SAMPLES, dim=0)
            distribution, state = self._unroll(path[-1], static, now, state)
            noise = torch.randn((N * SAMPLES, 1), generator=generator).to(self._device).repeat(B, 1)
            path.append(distribution.mean + distribution.stddev * noise)  # Gaussian
        coarse = torch.cat(path, dim=1)[:, None]  # [B N S, 1, 1 + H / stride]
        H = (coarse.shape[2] - 1) * self._stride
        fine = torch.nn.functional.interpolate(coarse, H + 1, mode="linear", align_corners=True)[:, 0, 1:]
        return fine.reshape(B, N, SAMPLES, H).permute(2, 0, 3, 1)


def _network(method: DeepARMethod, spec: TaskSpec, stride: int, seed: int) -> Any:
    """Build gluonts' network with initial weights that follow from the seed."""
    try:
        import torch
        from gluonts.torch.distributions import NormalOutput
        from gluonts.torch.model.deepar.module import DeepARModel
    except ImportError as error:
        raise ZfbenchError(
            f"DeepAR needs gluonts ({error}); install the extra: pip install 'zfbench[forecast]'."
        ) from error
    with _INITIALISING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return DeepARModel(
            freq="ms",
            context_length=method.context // stride,
            prediction_length=spec.horizon // stride,
            num_feat_dynamic_real=len(spec.drive) if method.uses_drive else 1,
            cardinality=[len(spec.neurons)],
            num_layers=LAYERS,
            hidden_size=CELLS,
            dropout_rate=0.0,
            distr_output=NormalOutput(),
            lags_seq=[1],
            scaling=False,
        )
