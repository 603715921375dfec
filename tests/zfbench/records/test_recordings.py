import json

import numpy as np
import pytest

from zfbench.records.recordings import TaskSpec, one_step_pairs
from zfbench.runs.tasks import load_judge, load_task, task_names

TINY = [n for n in task_names() if "tiny" in n]
SIMULATED = [n for n in task_names() if not n.startswith(("zfish", "mixtures"))]


@pytest.mark.parametrize("name", [*TINY, *SIMULATED])
def test_every_task_keeps_the_contract_of_all(name):
    task = load_task(name)
    assert task.spec.name == name
    assert len(task.spec.description) > 100
    assert len(task.spec.contract) > 1_000
    assert len(task.data_sha256) == 64
    assert all(isinstance(text, str) for text in task.spec.facts().values())
    task.spec.check(task.seed_program)
    assert json.loads(json.dumps(task.spec.to_json()))["name"] == name
    sealed = load_judge(name).sealed
    assert sealed.data_sha256 == task.data_sha256
    assert sealed.spec.to_json() == task.spec.to_json()


@pytest.mark.parametrize("name", [n for n in TINY if n.startswith("zfish")])
def test_every_task_about_recordings_keeps_its_contract(name):
    task = load_task(name)
    spec = task.spec
    N, D, C, H = len(spec.neurons), len(spec.drive), spec.context, spec.horizon
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


@pytest.mark.parametrize("name", SIMULATED)
def test_simulator_tasks_have_controls_that_keep_their_contract(name):
    task, judge = load_task(name), load_judge(name)
    rng = np.random.default_rng(0)
    n, K = 5, len(task.spec.statistics)
    assert task.contexts(rng, n).shape == (n, len(task.spec.context))
    path = rng.random((n, task.spec.times, len(task.spec.observations))).astype(np.float32)
    assert task.statistics(path, task.contexts(rng, n), rng).shape == (n, K)
    for source in judge.controls.values():
        task.spec.check(source)
    assert "oracle" in judge.controls


@pytest.mark.parametrize("name", [n for n in task_names() if n.startswith("zfish")][:3])
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
    before, drive, after = one_step_pairs(driven.train)
    recording = driven.train[0]
    assert len(before) == len(drive) == len(after) == sum(len(r.activity) - 1 for r in driven.train)
    np.testing.assert_array_equal(before[10], recording.activity[10])
    np.testing.assert_array_equal(after[10], recording.activity[11])
    np.testing.assert_array_equal(drive[10], recording.drive[11])
