import numpy as np
import pytest

from zfbench.testbed import bouts

COMMANDS = (0.3, 0.1, 0.6, 0.2)  # nMLF left and right, LHB left and right


def test_directions_are_drawn_in_proportion_to_the_commands():
    drawn = np.array([bouts.choose(*COMMANDS, u) for u in (np.arange(20_000) + 0.5) / 20_000])
    total = 0.3 + 0.1 + 0.2 + 0.6 + 0.2 + 0.132
    assert np.mean(drawn == bouts.LEFT) == pytest.approx((0.6 + 0.066) / total, abs=1e-4)
    assert np.mean(drawn == bouts.RIGHT) == pytest.approx((0.2 + 0.066) / total, abs=1e-4)
    assert np.mean(drawn == bouts.FORWARD) == pytest.approx(0.6 / total, abs=1e-4)


def test_mirrored_chances_choose_the_mirror_image():
    bout_randomness = bouts.draw_bout_randomness(2000, np.random.default_rng(0))
    nl, nr, ll, lr = COMMANDS
    for chance, mirrored in zip(bout_randomness, bouts.mirror_bout_randomness(bout_randomness), strict=True):
        assert bouts.choose(nl, nr, ll, lr, chance[0]) == -bouts.choose(nr, nl, lr, ll, mirrored[0])
    twice = bouts.mirror_bout_randomness(bouts.mirror_bout_randomness(bout_randomness))
    np.testing.assert_array_equal(twice, bout_randomness)


def run(direction, phase=0.0):
    state = np.zeros(bouts.STATE_SIZE)
    bouts.start(state, direction, np.sin(phase), np.cos(phase), 1.1)
    states = []
    while state[bouts.BOUT]:
        states.append(state.copy())
        bouts.advance(state)
    assert not state.any()
    return np.array(states)


def test_a_bout_lasts_259_ms_and_its_countdowns_fade():
    states = run(bouts.LEFT)
    t = np.arange(len(states))
    assert len(states) == 1 + int(np.log(46 / 500) / np.log(0.9908))
    np.testing.assert_allclose(states[:, bouts.SWIM], 500 * 0.9908**t)
    np.testing.assert_allclose(states[:, bouts.TURN_LEFT], 550 * 0.98**t)
    assert not states[:, bouts.TURN_RIGHT].any()


@pytest.mark.parametrize(("direction", "phase"), [(bouts.LEFT, np.pi), (bouts.RIGHT, 0.0), (bouts.FORWARD, 2.4)])
def test_the_tail_beats_at_25_hz_from_the_right_phase(direction, phase):
    states = run(direction, 2.4)
    expected = phase - 2 * np.pi * 0.025 * np.arange(len(states))
    np.testing.assert_allclose(states[:, bouts.PHASE_SIN], np.sin(expected), atol=1e-12)
    np.testing.assert_allclose(states[:, bouts.PHASE_COS], np.cos(expected), atol=1e-12)


def test_turn_strength_varies_around_one():
    strength = bouts.draw_bout_randomness(5000, np.random.default_rng(1))[:, bouts.STRENGTH]
    assert strength.mean() == pytest.approx(1, abs=0.01)
    assert strength.min() >= 0.75
    assert strength.max() <= 1.25


def test_nothing_happens_between_bouts():
    state = np.zeros(bouts.STATE_SIZE)
    bouts.advance(state)
    assert not state.any()
