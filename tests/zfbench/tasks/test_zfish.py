import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.records.recordings import BALANCED, OBJECTIVES, PLAIN
from zfbench.tasks.zfish.family import ZFISH
from zfbench.tasks.zfish.name import MAIN_CONDITIONS, TIERS, TRACKS, ZfishName
from zfbench.tasks.zfish.task import CONTEXT, HORIZON
from zfbench.tasks.zfish.truth import training_drives
from zfbench.testbed.data import TEST, VALIDATION, load_dataset
from zfbench.testbed.transition import transition

names = st.builds(
    ZfishName,
    tier=st.sampled_from(TIERS),
    track=st.sampled_from(TRACKS),
    circuit=st.sampled_from(["published", "redrawn:7"]),
    holdout=st.lists(st.sampled_from(MAIN_CONDITIONS), min_size=1, max_size=3, unique=True).map(
        lambda conditions: tuple(sorted(conditions))
    ),
    anonymous=st.booleans(),
    objective=st.sampled_from(sorted(OBJECTIVES)),
)


@given(names)
def test_names_survive_the_round_trip(name):
    assert ZfishName.parse(str(name)) == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("zfish-tiny/maskd", "did you mean 'zfish-tiny/masked'"),
        ("zfish-huge/masked", "There is no task"),
        ("zfish-tiny/masked@holdout:inwards", "did you mean 'inward'"),
        ("zfish-tiny", "There is no task"),
    ],
)
def test_unknown_names_suggest_the_nearest(name, message):
    with pytest.raises(UnknownNameError, match=message):
        ZfishName.parse(name)


def test_the_plain_variant_differs_in_its_name_and_in_the_loss_of_searches_alone():
    task, plain = ZFISH.load("zfish-tiny/masked"), ZFISH.load("zfish-tiny/masked@plain_mae")
    assert (task.spec.objective, plain.spec.objective) == (BALANCED, PLAIN)
    assert plain.data_sha256 == task.data_sha256
    ours, theirs = task.spec.to_json(), plain.spec.to_json()
    assert {key for key in ours if ours[key] != theirs[key]} == {"name", "objective"}
    assert task.spec.facts()["Validation error"].startswith("group-balanced relative error: for each neuron group")
    assert plain.spec.facts()["Validation error"].startswith("mean absolute error of the forecasts of 256 steps")


def test_an_anonymous_task_differs_in_names_alone():
    named, anonymous = ZFISH.load("zfish-tiny/masked"), ZFISH.load("zfish-tiny/masked@anonymous")
    assert anonymous.data_sha256 == named.data_sha256
    for ours, theirs in zip(named.train, anonymous.train, strict=True):
        np.testing.assert_array_equal(ours.activity, theirs.activity)
    np.testing.assert_array_equal(anonymous.validation.target, named.validation.target)
    np.testing.assert_array_equal(anonymous.spec.mask, named.spec.mask)
    same = [[a == b for b in spec.groups] for spec in (named.spec, anonymous.spec) for a in spec.groups]
    assert same[:54] == same[54:]
    assert (anonymous.spec.anonymous, named.spec.anonymous) == (True, False)
    published = {*named.spec.neurons, *named.spec.groups, *named.spec.drive, *MAIN_CONDITIONS, "forward"}
    spec, conditions = anonymous.spec, {r.condition for r in anonymous.train}
    shown = {*spec.neurons, *spec.groups, *spec.drive, *conditions, *anonymous.validation.inputs.conditions}
    assert not published & shown


def test_the_judge_of_an_anonymous_task_uses_its_names_and_the_same_truth():
    named, anonymous = ZFISH.seal("zfish-tiny/masked"), ZFISH.seal("zfish-tiny/masked@anonymous")
    assert anonymous.spec.neurons == ZFISH.load("zfish-tiny/masked@anonymous").spec.neurons
    np.testing.assert_array_equal(anonymous.wiring, named.wiring)
    np.testing.assert_array_equal(anonymous.ood.target, named.ood.target)
    assert not set(anonymous.ood.inputs.conditions) & set(anonymous.test.inputs.conditions)
    assert anonymous.circuit != named.circuit  # so that both never share a board


def test_circuits_that_are_not_the_published_one_are_anonymous():
    assert ZfishName("tiny", "masked", "redrawn:1").uses_neutral_names
    assert not ZfishName("tiny", "masked").uses_neutral_names


def test_holding_out_everything_is_refused():
    with pytest.raises(ZfbenchError, match="leave at least one of inward"):
        ZfishName.parse("zfish/driven@holdout:inward+left+outward+right")


@pytest.mark.parametrize("twice", ["@holdout:left@holdout:inward", "@anonymous@anonymous", "@one@published"])
def test_what_a_name_says_twice_is_refused(twice):
    with pytest.raises(ZfbenchError, match="has at most one circuit"):
        ZfishName.parse(f"zfish-tiny/driven{twice}")


def test_an_unknown_circuit_is_refused():
    with pytest.raises(UnknownNameError, match="circuit"):
        ZFISH.load("zfish-tiny/driven@publisched")


def test_forward_stands_in_when_both_asymmetric_conditions_are_held_out():
    assert ZfishName.parse("zfish/driven@holdout:right+left").trained == ("inward", "outward", "forward")


def reachable_arrays(thing, seen=None):
    """Every array that attributes, dictionaries and sequences lead to."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, (str, bytes, int, float, type(None))):
        return
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        yield thing
        if thing.base is not None:
            yield from reachable_arrays(thing.base, seen)
    elif isinstance(thing, dict):
        for value in thing.values():
            yield from reachable_arrays(value, seen)
    elif isinstance(thing, (tuple, list)):
        for value in thing:
            yield from reachable_arrays(value, seen)
    elif hasattr(thing, "__dict__"):
        yield from reachable_arrays(vars(thing), seen)


def test_no_path_leads_from_the_task_to_test_or_held_out_recordings(driven):
    dataset = load_dataset("tiny")
    secret = [dataset.stretch(c, "test")[0] for c in ("inward", "left", "right")]
    secret += [activity for activity, _ in dataset.stretches("outward", "ood", lead=0)]
    markers = {row.tobytes() for stretch in secret for row in stretch[300::97]}
    found = list(reachable_arrays(driven))
    assert len(found) > 5
    for array in found:
        if array.dtype == np.float32 and array.shape[-1] == 54:
            rows = array.reshape(-1, 54)
            assert not any(row.tobytes() in markers for row in rows)


def test_no_path_leads_from_an_autonomous_task_to_the_drive(driven):
    hidden = len(driven.spec.drive)
    found = list(reachable_arrays(ZFISH.load("zfish-tiny/autonomous")))
    assert len(found) > 5
    assert all(array.shape[-1:] != (hidden,) for array in found)


def test_validation_and_test_lie_after_training_with_room_for_context(driven):
    train_end = max(len(r.activity) for r in driven.train)
    assert train_end <= VALIDATION[0] - CONTEXT
    assert VALIDATION[1] <= TEST[0] - CONTEXT


def test_no_windows_context_holds_another_windows_target():
    sealed = ZFISH.seal("zfish-tiny/driven")
    for windows in (sealed.test, sealed.ood):
        targets = {row.tobytes() for row in windows.target.reshape(-1, 54)}
        contexts = windows.inputs.context.reshape(-1, 54)
        assert len(targets) == len(windows) * HORIZON
        assert not any(row.tobytes() in targets for row in contexts)


def test_targets_are_what_f_star_makes_of_context_and_drive():
    sealed = ZFISH.seal("zfish-tiny/driven")
    for windows in (sealed.test, sealed.ood):
        forecast = sealed.truth.rollout(windows.inputs.context, windows.inputs.drive)
        assert np.abs(forecast - windows.target).max() < 1e-5


def test_tracks_differ_in_what_they_show():
    autonomous, driven, masked = (ZFISH.load(f"zfish-tiny/{track}") for track in TRACKS)
    assert autonomous.spec.drive == ()
    assert autonomous.train[0].drive.shape[1] == 0
    assert driven.spec.mask is None
    assert masked.spec.mask is not None
    np.testing.assert_array_equal(autonomous.validation.target, masked.validation.target)


def test_the_mask_allows_every_true_edge_and_far_from_all():
    sealed = ZFISH.seal("zfish-tiny/masked")
    allowed = sealed.spec.mask & ~np.eye(54, dtype=bool)
    assert (allowed | (sealed.wiring == 0)).all()
    assert 140 < allowed.sum() < 0.25 * 54 * 53


def test_the_held_out_condition_is_never_trained_on(driven):
    conditions = {r.condition for r in driven.train} | set(driven.validation.inputs.conditions)
    assert conditions == {"inward", "left", "right"}
    assert set(ZFISH.seal("zfish-tiny/driven").ood.inputs.conditions) == {"outward"}


def test_mirrored_recordings_obey_f_star(driven):
    from zfbench.testbed.published import published

    for recording in driven.mirrored():
        step = transition(published(), recording.activity[:-1], recording.drive[1:])
        assert np.abs(step - recording.activity[1:]).max() < 1e-5


def test_drives_of_the_training_recordings_are_those_that_a_driven_track_shows(driven):
    hidden = training_drives("zfish-tiny/autonomous")
    for drive, recording in zip(hidden, driven.train, strict=True):
        np.testing.assert_array_equal(drive, recording.drive)
