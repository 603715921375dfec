"""A system that its author states whole: methods receive their part of it, and the judge the rest."""

from dataclasses import replace

import numpy as np
import pytest

from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.forecasting.system import System, SystemFamily, windows
from zfbench.forecasting.task import Task
from zfbench.records.recordings import Recording, TaskSpec

SPEC = TaskSpec("pair", "two neurons", "", 1.0, 3, 2, ("a", "b"), ("first", "second"), ("x",))


def recording(condition="slow", steps=11, first=0.0):
    activity = first + np.arange(2 * steps, dtype=np.float32).reshape(steps, 2)
    return Recording(condition, activity, np.arange(steps, dtype=np.float32)[:, None])


def pair(**changes):
    parts = {
        "spec": SPEC,
        "train": [recording()],
        "validation": [recording(first=100.0)],
        "test": [recording(first=200.0)],
        "ood": [recording("fast", first=300.0)],
        "truth": None,
        "wiring": np.array([[0, 1], [0, 0]], np.int8),
    }
    return System(**parts | changes)


def test_windows_follow_one_another_with_the_drive_of_context_and_horizon():
    cut = windows(SPEC, [recording(), recording("fast", 5)])
    assert cut.inputs.conditions == ("slow", "slow", "fast")
    assert cut.inputs.context.shape == (3, 2, 2)
    assert cut.inputs.drive[1, :, 0].tolist() == [5, 6, 7, 8, 9]
    assert cut.target[1, :, 0].tolist() == [14, 16, 18]


def test_methods_receive_no_recording_of_the_judge():
    task = SystemFamily({"pair": pair}).load("pair")
    assert isinstance(task, Task)
    assert task.validation.target.min() >= 100
    assert max(task.validation.target.max(), *(r.activity.max() for r in task.train)) < 200
    with pytest.raises(ZfbenchError, match="'pair' has no mirror image"):
        task.mirrored()


def test_the_judge_receives_test_and_held_out_condition_with_the_wiring_between_groups():
    sealed = SystemFamily({"pair": pair}).seal("pair")
    assert (sealed.track, sealed.holdout, sealed.tier) == ("driven", "fast", "tiny")
    assert (sealed.test.target.min() >= 200, sealed.ood.target.min() >= 300) == (True, True)
    assert sealed.allowed.tolist() == [[False, True], [False, False]]
    masked = replace(SPEC, mask=np.eye(2, dtype=bool), drive_mask=np.ones((2, 1), bool))
    assert pair(spec=masked).sealed.track == "masked"


def test_the_judge_receives_mean_and_spread_of_the_training_recordings():
    """Neuron a goes through the even numbers 0 to 20, and b through the odd ones 1 to 21."""
    sealed = pair().sealed
    assert sealed.train_mean.tolist() == [10, 11]
    assert sealed.train_sd == pytest.approx(np.full(2, np.sqrt(40)))


def test_the_hash_changes_with_every_recording():
    hashes = {pair(**{part: [recording(first=7.0)]}).data_sha256 for part in ("train", "validation", "test", "ood")}
    assert len(hashes | {pair().data_sha256}) == 5


def test_the_hash_changes_with_the_drive_of_every_part_and_with_what_programs_are_told():
    driven = replace(recording(), drive=recording().drive + 1)
    hashes = {pair(**{part: [driven]}).data_sha256 for part in ("train", "validation", "test", "ood")}
    hashes |= {pair(spec=replace(SPEC, **{name: "more"})).data_sha256 for name in ("description", "contract")}
    assert len(hashes | {pair().data_sha256}) == 7


def test_the_hash_says_which_part_a_recording_belongs_to_and_the_condition_and_wiring():
    one, two, three = (recording(first=first) for first in (1.0, 2.0, 3.0))
    hashes = [
        pair(train=[one, two], validation=[three]).data_sha256,
        pair(train=[one], validation=[two, three]).data_sha256,
        pair(train=[one, replace(two, condition="fast")], validation=[three]).data_sha256,
        pair(train=[one, two], validation=[three], wiring=np.array([[0, -1], [0, 0]], np.int8)).data_sha256,
    ]
    assert len(set(hashes)) == 4


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"test": [recording(steps=4)]}, "of `test` has 4 steps, fewer than a window of 5"),
        ({"wiring": np.zeros((3, 3), np.int8)}, r"the wiring has shape \(3, 3\), expected \(2, 2\)"),
        ({"spec": replace(SPEC, drive=())}, r"of `train` has shapes .* expected \[T, 2\] and \[T, 0\]"),
        ({"ood": []}, "`ood` has no recording"),
    ],
)
def test_what_does_not_fit_is_refused_when_the_system_is_stated(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        pair(**changes)


def test_names_are_checked():
    family = SystemFamily({"pair": pair, "other": pair})
    with pytest.raises(UnknownNameError, match="did you mean 'pair'"):
        family.load("pairs")
    with pytest.raises(ZfbenchError, match="The task 'other' calls itself 'pair'"):
        family.seal("other")
