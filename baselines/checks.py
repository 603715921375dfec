"""The check of the data that a baseline is to be fitted on, before any training."""

from __future__ import annotations

import numpy as np

from zfbench.base.errors import ZfbenchError
from zfbench.records.recordings import LabelledWindows, Recording, TaskSpec


def check_data(
    train: tuple[Recording, ...], validation: LabelledWindows, spec: TaskSpec, context: int = 1, horizon: int = 1
) -> None:
    """Refuse data that no forecaster can learn from.

    Args:
        train: recordings to fit.
        validation: windows to select on.
        spec: specification of the task.
        context: steps of the past that the method reads.
        horizon: steps ahead that one training window holds.

    Raises:
        ZfbenchError: a value is not finite, a neuron never changes, or no recording or window is long enough.
    """
    if not train:
        raise ZfbenchError(f"The task '{spec.name}' has no training recordings; give at least one.")
    for recording in train:
        for what, values, names in (
            ("activity", recording.activity, spec.neurons),
            ("drive", recording.drive, spec.drive),
        ):
            bad = np.argwhere(~np.isfinite(values))
            if len(bad):
                step, channel = bad[0]
                raise ZfbenchError(
                    f"The {what} '{names[channel]}' of the training recording '{recording.condition}' is not finite at "
                    f"step {step}; repair or remove that stretch."
                )
    for what, values in (
        ("context", validation.inputs.context),
        ("drive", validation.inputs.drive),
        ("target", validation.target),
    ):
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            raise ZfbenchError(f"The {what} of validation window {bad[0][0]} is not finite; remove that window.")
    longest = max(len(r.activity) for r in train)
    if context + horizon > longest:
        raise ZfbenchError(
            f"A window of {context} + {horizon} steps is longer than every training recording (the longest has "
            f"{longest}); choose a shorter context or record longer."
        )
    if context > validation.inputs.context.shape[1]:
        raise ZfbenchError(
            f"A context of {context} steps was asked for, but the task's windows offer "
            f"{validation.inputs.context.shape[1]}; choose a shorter one."
        )
    low = np.min([r.activity.min(axis=0) for r in train], axis=0)  # [N]
    high = np.max([r.activity.max(axis=0) for r in train], axis=0)
    flat = [name for name, same in zip(spec.neurons, low == high, strict=True) if same]
    if flat:
        raise ZfbenchError(
            f"The activity of {', '.join(flat)} never changes in the training recordings; leave such neurons out."
        )
