import numpy as np
import pytest

from zfbench.base.errors import UnknownNameError
from zfbench.testbed.stimulus import CONDITIONS, DIRECTIONS, draw_schedule, draw_texture

MINUTES = 30 * 60_000
MIRROR_CONDITION = {c: c for c in CONDITIONS} | {"left": "right", "right": "left"}


def schedule(condition, steps=MINUTES, seed=0):
    return draw_schedule(condition, steps, np.random.default_rng(seed))


@pytest.mark.parametrize("condition", CONDITIONS)
def test_epochs_have_the_stated_distributions(condition):
    s = schedule(condition)
    direction = np.rad2deg(s.direction)
    np.testing.assert_allclose(direction.mean(0), DIRECTIONS[condition], atol=1.5)
    np.testing.assert_allclose(direction.std(0), 15, rtol=0.1)
    assert np.mean(s.speed == 0) == pytest.approx(0.25, abs=0.03)
    moving = s.speed[s.speed > 0]
    assert moving.min() >= 4
    assert moving.max() <= 20
    assert s.contrast.min() >= 0.4
    assert s.contrast.max() <= 1
    lengths = np.diff(s.onset)
    assert lengths.min() >= 300
    assert lengths.max() <= 1200
    assert lengths.mean() == pytest.approx(750, rel=0.05)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_both_eyes_share_the_jitter_up_to_the_mirror(condition):
    jitter = np.rad2deg(schedule(condition).direction) - DIRECTIONS[condition]
    expected = -jitter[:, 0] if condition in ("inward", "outward") else jitter[:, 0]
    np.testing.assert_allclose(jitter[:, 1], expected, atol=1e-9)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_mirroring_gives_the_mirror_condition_and_swaps_the_eyes(condition):
    s = schedule(condition)
    mirrored = s.mirrored()
    np.testing.assert_allclose(
        np.rad2deg(mirrored.direction).mean(0), DIRECTIONS[MIRROR_CONDITION[condition]], atol=1.5
    )
    assert np.array_equal(mirrored.floor_velocity(), s.floor_velocity()[:, ::-1])
    assert np.array_equal(mirrored.mirrored().direction, s.direction)


def test_leftward_motion_is_outward_for_the_left_eye_and_inward_for_the_right():
    s = schedule("left", 20_000)
    outward = s.floor_velocity()[s.speed > 0, :, 1]
    assert (outward[:, 0] > 0).all()
    assert (outward[:, 1] < 0).all()


def test_a_longer_schedule_begins_with_the_shorter_one():
    short, long = schedule("left", 10_000), schedule("left", 60_000)
    E = len(short.onset)
    assert len(long.onset) > E
    for field in ("onset", "direction", "speed", "contrast"):
        assert np.array_equal(getattr(short, field), getattr(long, field)[:E])


def test_texture_is_periodic_and_smooth_over_a_third_of_a_millimetre():
    texture = draw_texture(np.random.default_rng(0)).astype(float)
    assert np.abs(texture).max() < 1
    assert abs(texture.mean()) < 0.1
    power = np.abs(np.fft.fft2(texture - texture.mean())) ** 2
    correlation = np.fft.ifft2(power).real[0] / np.fft.ifft2(power).real[0, 0]
    # smoothing noise by a Gaussian of sd s leaves the correlation exp(-d^2 / 4 s^2); tanh bends it a little
    for millimetres in (0.2, 0.35, 0.7):
        expected = np.exp(-(millimetres**2) / (4 * 0.35**2))
        assert correlation[round(millimetres / 0.05)] == pytest.approx(expected, abs=0.08)
    steps = np.abs(np.diff(texture, axis=0)).max()
    assert np.abs(texture[0] - texture[-1]).max() <= steps * 1.5


def test_unknown_condition_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="inward"):
        schedule("inwards")
