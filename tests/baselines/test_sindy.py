"""SINDy on a sparse map with a product that is known, with and without a wiring."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.baselines.sindy import Sindy, _reduced
from zfbench.records.clamp import Clamp
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording, TaskSpec, Windows

C, H, STEPS = 4, 30, 20_000
A = np.array([[0.9, 0.0, 0.0], [0.2, 0.7, 0.0], [0.0, 0.0, 0.95]])
B = np.array([[0.1, 0.0], [0.0, 0.0], [0.0, 0.05]])
G = np.array([[0.0, 0.0], [0.0, 0.0], [-0.3, 0.0]])  # the first drive shortens the memory of the third neuron
CONSTANT = np.array([0.0, 0.02, 0.0])
SPEC = TaskSpec("products/driven", "", "", 1.0, H, C, ("a", "b", "c"), ("g", "g", "h"), ("u", "v"))


def make_task(spec=SPEC):
    rng = np.random.default_rng(0)
    drive = rng.uniform(size=(STEPS, 2)).astype(np.float32)
    activity = np.zeros((STEPS, 3), np.float32)
    for t in range(1, STEPS):
        a, x = activity[t - 1], drive[t]
        activity[t] = CONSTANT + A @ a + B @ x + a * (G @ x)
    starts = range(STEPS - 2_000, STEPS - C - H, 100)
    inputs = Windows(
        ("r",) * len(starts),
        np.stack([activity[s : s + C] for s in starts]),
        np.stack([drive[s : s + C + H] for s in starts]),
    )
    target = np.stack([activity[s + C : s + C + H] for s in starts])
    train = (Recording("r", activity[:-2_000], drive[:-2_000]),)
    return SimpleNamespace(spec=spec, train=train, validation=LabelledWindows(inputs, target))


def fit(task):
    pytest.importorskip("pysindy", reason="the baseline needs pysindy: pip install 'zfbench[classical]'")
    model = Sindy(task, 0)
    model.fit(task.train, task.validation, Limits(updates=1))
    return model


def test_a_sparse_map_with_a_product_is_found_and_the_other_terms_are_zero():
    task = make_task()
    model, inputs = fit(task), task.validation.inputs
    true = np.hstack([CONSTANT[:, None], A, B, G])
    np.testing.assert_allclose(model._weights, true, atol=5e-3)
    assert (model._weights[true == 0] == 0).all()
    np.testing.assert_allclose(model.forecast(inputs.context, inputs.drive), task.validation.target, atol=1e-2)


def test_a_clamped_neuron_is_held_and_drives_its_target():
    task = make_task()
    model, inputs = fit(task), task.validation.inputs
    mask = np.zeros((len(inputs), 3), bool)
    mask[:, 0] = True
    clamped = model.rollout(inputs.context, inputs.drive, Clamp(mask, np.full(mask.shape, 2.0, np.float32)))
    free = model.rollout(inputs.context, inputs.drive)
    assert (clamped[..., 0] == 2).all()
    assert (clamped[:, 1:, 1] > free[:, 1:, 1]).all()
    np.testing.assert_array_equal(clamped[..., 2], free[..., 2])


def test_with_a_wiring_no_neuron_reads_what_it_may_not():
    mask = np.array([[True, False, False], [True, True, False], [False, True, False]])
    drive_mask = np.array([[True, False], [False, False], [True, True]])
    model = fit(make_task(replace(SPEC, mask=mask, drive_mask=drive_mask)))
    _, read, driven, gain = np.split(model._weights, [1, 4, 6], axis=1)
    assert (read[~mask] == 0).all()
    assert (driven[~drive_mask] == 0).all()
    assert (gain[2] == 0).all()  # it may not read its own activity, and so not its products
    assert read[1, 0] == pytest.approx(0.2, abs=5e-3)


def test_the_reduced_rows_have_the_least_squares_of_all_rows():
    rng = np.random.default_rng(1)
    library, target = rng.normal(size=(500, 6)), rng.normal(size=(500, 1))
    reduced = _reduced(np.hstack([library, target]))
    assert reduced.shape == (7, 7)
    expected = np.linalg.lstsq(library, target[:, 0], rcond=None)[0]
    np.testing.assert_allclose(np.linalg.lstsq(reduced[:, :-1], reduced[:, -1], rcond=None)[0], expected, atol=1e-10)


def test_without_pysindy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pysindy", None)
    with pytest.raises(ZfbenchError, match=r"'sindy' needs pysindy; pip install 'zfbench\[classical\]'"):
        Sindy(make_task(), 0)
