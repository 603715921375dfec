"""Does a program of the masked track keep to the wiring? Decided from its predictions alone.

A neuron may depend on the inputs that its row of the masks allows: directly, and through its own hidden
state on their past. So when every forbidden input changes, at all times, while all allowed ones stay, the
neuron must not move, in any state. Base and perturbed inputs take the same row of the same batch, so a
compliant program performs the same arithmetic on both: the comparison is exact, with no tolerance for a
signal to hide in.

Whole horizons are tested in two ways. First the other neurons are held at what they once were. Then the neurons that
are forbidden run free as well, from another context and under another drive, while the allowed ones are held to the
path that the program itself takes: all that a tested neuron can tell from its own and from the forbidden activity is
then that of a free run, so that a leak cannot open for free runs alone.

Masks are read literally, the diagonal included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zfbench.protocols.models import Simulator
from zfbench.records.clamp import Clamp
from zfbench.records.program import CandidateError, Status
from zfbench.records.recordings import TaskSpec

# Most activity and drive lie in about [0, 1]; where a recording reaches further, its own rows are what is tested.
EXTREMES = (-0.5, 1.5)
STEP_STATES = 256  # states at which one step is tested, for each set of neurons with the same wiring
STEP_CONTEXT = 8  # steps of context before them, at most
PATH_STATES = 4  # states from which a whole horizon is tested after a whole context, likewise


@dataclass(frozen=True, eq=False)
class Rows:
    """Inputs of rollouts, one a row.

    Attributes:
        context: float32 [R, C, N].
        drive: float32 [R, C + H, D].
        tested: bool [R, N], neurons that are compared; in each row they have the same wiring.
        free: bool [R, N], neurons that run, the tested ones and perhaps more; the others are held after every step.
        held: float32 [R, N], or [R, H, N] for each step, at these values.
    """

    context: NDArray[np.float32]
    drive: NDArray[np.float32]
    tested: NDArray[np.bool_]
    free: NDArray[np.bool_]
    held: NDArray[np.float32]

    def paths(self, model: Simulator) -> NDArray[np.float32]:
        """Predictions, [R, H, N]."""
        return model.rollout(self.context, self.drive, Clamp(~self.free, self.held))

    def where(self, activity: NDArray[np.bool_], drive: NDArray[np.bool_], other: Rows) -> Rows:
        """These rows, with the other's activity and drive at the marked [R, N] and [R, D], at all times."""
        return replace(
            self,
            context=np.where(activity[:, None], other.context, self.context),
            drive=np.where(drive[:, None], other.drive, self.drive),
            held=np.where(activity if self.held.ndim == 2 else activity[:, None], other.held, self.held),
        )

    def repeat(self, row: int, times: int) -> Rows:
        """One row, many times."""
        return Rows(*(np.repeat(a[row : row + 1], times, axis=0) for a in vars(self).values()))


def verify_mask(
    model: Simulator,
    spec: TaskSpec,
    context: NDArray[np.float32],
    drive: NDArray[np.float32],
    rng: np.random.Generator,
    lengths: Sequence[int] = (),
) -> None:
    """Check that no neuron depends on an input that the task's masks forbid; nothing to do without masks.

    One step is tested at many states, half of them recorded and half drawn from `EXTREMES`. Then whole
    horizons are tested from recorded states, with all but the tested neurons held, and along the program's own path:
    this finds what opens late, and what opens in free runs alone.

    Args:
        model: the fitted program.
        spec: the task.
        context: [B, C, N], recorded activity to draw states from.
        drive: [B, C + H, D].
        rng: draws states and perturbations.
        lengths: context lengths from which whole horizons are tested; by default, that of the context.

    Raises:
        CandidateError: mask_violation, naming the neuron that moved and the input that moved it.
    """
    if not spec.masked and spec.drive_mask is None:
        return
    C, H = context.shape[1], drive.shape[1] - context.shape[1]
    free = np.repeat(_same_wiring(spec), STEP_STATES, axis=0)  # [R, N], the neurons tested in each row
    base, other = (_draw(context, drive, free, min(C, STEP_CONTEXT), 1, rng, extremes=True) for _ in range(2))
    _compare(model, spec, base, other)
    for past in lengths or (C,):
        free = np.repeat(_same_wiring(spec), PATH_STATES, axis=0)
        base, other, recorded = (_draw(context, drive, free, past, H, rng, e) for e in (False, True, False))
        _compare(model, spec, base, other)
        _compare(model, spec, *_along_own_path(model, spec, base, recorded))


def _forbidden(spec: TaskSpec) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """What each neuron must not depend on: activity [N, N] and drive [N, D]."""
    N, D = len(spec.neurons), len(spec.drive)
    activity = np.zeros((N, N), bool) if spec.mask is None else ~spec.mask
    drive = np.zeros((N, D), bool) if spec.drive_mask is None else ~spec.drive_mask
    return activity, drive


def _same_wiring(spec: TaskSpec) -> NDArray[np.bool_]:
    """Sets of neurons that may read the same inputs, bool [sets, N]."""
    _, which = np.unique(np.concatenate(_forbidden(spec), axis=1), axis=0, return_inverse=True)
    return which == np.arange(which.max() + 1)[:, None]


def _draw(
    context: NDArray[np.float32],
    drive: NDArray[np.float32],
    free: NDArray[np.bool_],
    past: int,
    future: int,
    rng: np.random.Generator,
    extremes: bool,
) -> Rows:
    """Recorded stretches, neurons held at what they once were; with extremes, half of the rows are drawn."""
    (R, N), (B, C, _), D = free.shape, context.shape, drive.shape[2]
    window = rng.integers(B, size=(R, 1))
    first = rng.integers(C - past + 1, size=(R, 1))
    recorded = Rows(
        context[window, first + np.arange(past)],
        drive[window, first + np.arange(past + future)],
        free,
        free,
        context[window[:, 0], rng.integers(C, size=R)],
    )
    if not extremes:
        return recorded

    def uniform(like: NDArray[np.float32]) -> NDArray[np.float32]:
        return rng.uniform(*EXTREMES, like.shape).astype(np.float32)

    drawn = Rows(uniform(recorded.context), uniform(recorded.drive), free, free, uniform(recorded.held))
    noisy = rng.random((R, 1)) < 0.5
    return recorded.where(np.repeat(noisy, N, axis=1), np.repeat(noisy, D, axis=1), drawn)


def _compare(model: Simulator, spec: TaskSpec, base: Rows, other: Rows) -> None:
    """Change all that is forbidden to the tested neurons of each row; none of them may move."""
    activity, drive = _forbidden(spec)
    example = base.tested.argmax(1)  # [R], a neuron of each set
    changed = base.where(activity[example], drive[example], other)
    moved = np.abs(base.paths(model) - changed.paths(model)) * base.tested[:, None]  # [R, H, N]
    if moved.any():
        row, step, neuron = np.unravel_index(moved.argmax(), moved.shape)
        raise _violation(model, spec, base, other, int(row), int(step), int(neuron))


def _along_own_path(model: Simulator, spec: TaskSpec, base: Rows, other: Rows) -> tuple[Rows, Rows]:
    """The same rows, forbidden neurons free as well, and the others held to the path of a run in which all are free."""
    forbidden = _forbidden(spec)[0][base.tested.argmax(1)]  # [R, N]
    own = replace(base, free=np.ones_like(base.free)).paths(model)  # [R, H, N]
    base = replace(base, free=base.tested | forbidden, held=own)
    return base, replace(base, context=other.context, drive=other.drive)


def _violation(
    model: Simulator, spec: TaskSpec, base: Rows, other: Rows, row: int, step: int, neuron: int
) -> CandidateError:
    """Name the input: change those forbidden to the neuron one at a time."""
    activity, drive = (mask[neuron] for mask in _forbidden(spec))
    names = [*np.asarray(spec.neurons)[activity], *np.asarray(spec.drive)[drive]]
    one = np.diag(np.concatenate([activity, drive]))[np.concatenate([activity, drive])]  # [forbidden, N + D]
    start, end = base.repeat(row, len(one)), other.repeat(row, len(one))
    changed = start.where(one[:, : len(activity)], one[:, len(activity) :], end)
    moved = np.abs(start.paths(model) - changed.paths(model))[:, : step + 1, neuron].max(1)  # [forbidden]
    steps = "one step" if step == 0 else f"{step + 1} steps"
    who = f"Neuron '{spec.neurons[neuron]}'"
    if not moved.any():
        return CandidateError(
            Status.MASK_VIOLATION,
            f"{who} moves within {steps} when several inputs that its wiring forbids change together.",
        )
    worst = int(moved.argmax())
    return CandidateError(
        Status.MASK_VIOLATION,
        f"{who} moves by {moved[worst]:.2g} within {steps} when '{names[worst]}' alone changes, "
        "which its wiring forbids.",
    )
