"""Forecasters on a device: everything they compute is there, with the draws of the processor."""

import jax
import numpy as np
import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.baselines import devices
from zfbench.baselines.devices import jax_on, torch_device
from zfbench.baselines.last_value import LastValue
from zfbench.baselines.nlinear import nlinear_c4
from zfbench.baselines.reference import driven_mlp
from zfbench.protocols.models import Placed
from zfbench.records.limits import Limits
from zfbench.runs.judge import judge_baseline
from zfbench.runs.tasks import find_task
from zfbench.sandbox.process import ProcessSandbox

on_gpu = ProcessSandbox(device="gpu")


def test_a_gpu_that_jax_lacks_is_one_sentence_and_the_processor_changes_nothing():
    with (
        pytest.raises(ZfbenchError, match=r"^JAX cannot compute on the GPU in this process \(.+use the device cpu\.$"),
        jax_on("gpu"),
    ):
        pass
    before = jax.config.jax_default_matmul_precision
    with jax_on("cpu"):
        assert jax.config.jax_default_matmul_precision == before


@pytest.mark.torch
def test_a_gpu_that_pytorch_lacks_is_one_sentence(monkeypatch):
    torch = pytest.importorskip("torch", reason="no extra that brings PyTorch is installed")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ZfbenchError, match=r"^PyTorch cannot compute on the GPU here"):
        torch_device("gpu")
    assert torch_device("cpu") == "cpu"


def test_a_direct_forecaster_computes_in_the_context_of_its_device(monkeypatch):
    """The processor stands for the GPU; at full precision, which is what it has anyway."""
    task = find_task("zfish-tiny/driven").task
    forecasts = []
    for place in (False, True):
        model = nlinear_c4(task, 0)
        if place:
            monkeypatch.setitem(devices.PLATFORMS, "gpu", "cpu")
            model.compute_in(on_gpu)
        model.fit(task.train, task.validation, Limits(updates=3, seconds=100))
        forecasts.append(model.forecast(task.validation.inputs.context, task.validation.inputs.drive))
    np.testing.assert_array_equal(*forecasts)
    monkeypatch.setitem(devices.PLATFORMS, "gpu", "no_such_platform")
    with pytest.raises(ZfbenchError, match="no_such_platform"):
        model.forecast(task.validation.inputs.context, task.validation.inputs.drive)
    with pytest.raises(ZfbenchError, match="no_such_platform"):
        model.fit(task.train, task.validation, Limits(updates=3, seconds=100))


def test_a_result_says_where_its_baseline_computed(monkeypatch):
    monkeypatch.setitem(devices.PLATFORMS, "gpu", "cpu")
    loaded, limits = find_task("zfish-tiny/driven"), Limits(updates=2, seconds=100)
    devices_of = {
        name: judge_baseline(name, loaded, 0, limits, sandbox=on_gpu).machine.device
        for name in ("nlinear-c4", "last_value")
    }
    assert devices_of == {"nlinear-c4": "gpu", "last_value": "cpu"}


def test_programs_and_networks_can_be_placed_and_others_cannot():
    task = find_task("zfish-tiny/driven").task
    assert isinstance(nlinear_c4(task, 0), Placed)
    assert isinstance(driven_mlp(task, 0), Placed)
    assert not isinstance(LastValue(task, 0), Placed)
