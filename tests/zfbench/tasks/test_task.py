import json

import numpy as np
import pytest

from zfbench.assess import load_task, task_names
from zfbench.tasks.task import TaskSpec, one_step_pairs


@pytest.mark.parametrize("name", [n for n in task_names() if "tiny" in n])
def test_every_task_keeps_its_contract(name):
    task = load_task(name)
    spec = task.spec
    N, D, C, H = len(spec.neurons), len(spec.drive), spec.context, spec.horizon
    assert spec.name == name
    assert len(spec.description) > 100
    assert "class Model" in spec.contract
    for recording in task.train:
        T = len(recording.activity)
        assert recording.activity.shape == (T, N)
        assert recording.drive.shape == (T, D)
        assert recording.activity.dtype == recording.drive.dtype == np.float32
        assert np.isfinite(recording.activity).all()
    B = len(task.validation)
    assert task.validation.inputs.context.shape == (B, C, N)
    assert task.validation.inputs.drive.shape == (B, C + H, D)
    assert task.validation.target.shape == (B, H, N)
    assert len(task.data_sha256) == 64
    assert "class Model" in task.seed_program


@pytest.mark.parametrize("name", task_names()[:3])
def test_a_specification_crosses_as_json(name):
    spec = load_task(name).spec
    copy = TaskSpec.from_json(json.loads(json.dumps(spec.to_json())))
    for field in TaskSpec.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(copy, field), getattr(spec, field))


def test_ill_formed_specifications_are_refused():
    fields = {"name": "t", "description": "", "contract": "", "dt_ms": 1.0, "horizon": 2, "context": 1}
    with pytest.raises(ValueError, match="names must differ"):
        TaskSpec(**fields, neurons=("a", "a"), groups=("g", "g"), drive=())
    with pytest.raises(ValueError, match="mask has shape"):
        TaskSpec(**fields, neurons=("a", "b"), groups=("g", "g"), drive=(), mask=np.ones((1, 1), bool))


def test_pairs_follow_the_time_convention(driven):
    before, drive, after = next(one_step_pairs(driven.train))
    recording = driven.train[0]
    np.testing.assert_array_equal(before[10], recording.activity[10])
    np.testing.assert_array_equal(after[10], recording.activity[11])
    np.testing.assert_array_equal(drive[10], recording.drive[11])
