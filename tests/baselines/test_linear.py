"""The linear map reads what the masks allow, whichever of them are given."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from zfbench.baselines.linear import Linear
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording, TaskSpec, Windows

C, H, STEPS = 4, 8, 3_000
A = np.array([[0.9, 0.05, 0.0], [0.2, 0.7, 0.0], [0.0, 0.1, 0.8]])
B = np.array([[0.1, 0.02], [0.0, 0.05], [0.03, 0.05]])
SPEC = TaskSpec("linear/driven", "", "", 1.0, H, C, ("a", "b", "c"), ("g", "g", "h"), ("u", "v"))
MASKS = {"mask": ~np.eye(3, k=1, dtype=bool), "drive_mask": np.array([[1, 0], [1, 1], [0, 1]], bool)}


@pytest.mark.parametrize("given", [(), ("mask",), ("drive_mask",), ("mask", "drive_mask")])
def test_weights_of_what_a_mask_forbids_are_zero_and_the_others_are_fitted(given):
    rng = np.random.default_rng(0)
    drive = rng.uniform(size=(STEPS, 2)).astype(np.float32)
    activity = np.zeros((STEPS, 3), np.float32)
    for t in range(1, STEPS):
        activity[t] = A @ activity[t - 1] + B @ drive[t]
    starts = range(0, STEPS - C - H, 100)
    context, driven, target = (
        np.stack([whole[s + first : s + last] for s in starts])
        for whole, first, last in ((activity, 0, C), (drive, 0, C + H), (activity, C, C + H))
    )
    windows = LabelledWindows(Windows(("r",) * len(starts), context, driven), target)
    spec = replace(SPEC, **{name: MASKS[name] for name in given})
    model = Linear(SimpleNamespace(spec=spec), 0)
    model.fit((Recording("r", activity, drive),), windows, Limits())
    weights = {"mask": model._weights[:, :3], "drive_mask": model._weights[:, 3:5]}
    for name, mask in MASKS.items():
        assert (weights[name][~mask] == 0).all() == (name in given)
        assert (weights[name][mask] != 0).any()
