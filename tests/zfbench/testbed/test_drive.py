import dataclasses

import numpy as np
import pytest

from zfbench.testbed import published
from zfbench.testbed.drive import activity, expand
from zfbench.testbed.larva import simulate

CIRCUIT = published.load("published")
CHANNEL = {name: d for d, name in enumerate(CIRCUIT.drive)}


@pytest.fixture(scope="module")
def recording():
    return simulate(CIRCUIT, "left", 6_000, 3)


def test_replay_reproduces_the_closed_loop_bit_for_bit(recording):
    assert np.array_equal(activity(CIRCUIT, recording.drive), recording.activity)
    assert np.array_equal(activity(CIRCUIT, recording.drive, 777), recording.activity[:777])


def test_responses_are_held_for_a_frame_in_units_of_200_counts(recording):
    x = expand(recording.drive)
    held = np.repeat(recording.drive.responses, 5, axis=0) / 64 / 200
    np.testing.assert_array_equal(x[:, :8], held)


@pytest.mark.parametrize(("eye", "side"), [(0, "L"), (1, "R")])
def test_adaptation_is_a_slow_low_pass_of_the_mean_response(recording, eye, side):
    x = expand(recording.drive)
    mean = np.repeat(recording.drive.responses[:, 4 * eye : 4 * eye + 4].sum(1) / 64, 5) / 8 / 80
    m = recording.drive.initial_state[6 + eye]
    for t in range(len(x)):
        m = 0.995 * m + 0.005 * mean[t]
        assert x[t, CHANNEL[f"gain_{side}"]] == pytest.approx(m, rel=1e-9)


def test_bout_channels_follow_the_recorded_bouts(recording):
    x = expand(recording.drive)
    drive = recording.drive
    assert len(drive.bout_step) > 5
    for step, direction, strength in zip(drive.bout_step, drive.bout_direction, drive.bout_strength, strict=True):
        if step + 259 >= len(x):
            continue
        bout = x[step : step + 259]
        t = np.arange(259)
        assert bout[:, CHANNEL["bout"]].all()
        assert not x[step + 259, CHANNEL["bout"]]
        np.testing.assert_allclose(bout[:, CHANNEL["swim"]], 1.25 * 0.9908**t)
        for side, sign in (("L", 1), ("R", -1)):
            expected = strength * 0.98**t if direction == sign else 0 * t
            np.testing.assert_allclose(bout[:, CHANNEL[f"turn_{side}"]], expected)
        np.testing.assert_allclose(np.hypot(*bout[:, [CHANNEL["phase_sin"], CHANNEL["phase_cos"]]].T), 1)


def test_the_first_step_may_fall_within_a_bout(recording):
    """Cut a recording in the middle of a bout: the state carries it on."""
    frame = (recording.drive.bout_step[1] + 100) // 5
    cut = frame * 5
    x = expand(recording.drive)
    phase = x[cut - 1, [CHANNEL["phase_sin"], CHANNEL["phase_cos"]]]
    kept = recording.drive.bout_step >= cut
    later = dataclasses.replace(
        recording.drive,
        responses=recording.drive.responses[frame:],
        bout_step=recording.drive.bout_step[kept] - cut,
        bout_direction=recording.drive.bout_direction[kept],
        bout_phase=recording.drive.bout_phase[kept],
        bout_strength=recording.drive.bout_strength[kept],
        initial_state=np.array(
            [
                1.0,
                400 * x[cut - 1, CHANNEL["swim"]],
                500 * x[cut - 1, CHANNEL["turn_L"]],
                500 * x[cut - 1, CHANNEL["turn_R"]],
                *phase,
                x[cut - 1, CHANNEL["gain_L"]],
                x[cut - 1, CHANNEL["gain_R"]],
            ]
        ),
        initial_activity=recording.activity[cut - 1],
    )
    np.testing.assert_allclose(expand(later), x[cut:], atol=1e-12)
    np.testing.assert_allclose(activity(CIRCUIT, later), recording.activity[cut:], atol=1e-10)


def test_more_steps_than_recorded_are_refused(recording):
    with pytest.raises(ValueError, match="6001 steps"):
        expand(recording.drive, 6_001)
