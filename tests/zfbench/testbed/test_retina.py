import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from zfbench.testbed import retina
from zfbench.testbed.stimulus import draw_texture

TEXTURE = draw_texture(np.random.default_rng(1))


def sigma(w, b, u):
    return 1 / (1 + np.exp(-w * (u - b)))


def watch(forward_speed, outward_speed, heading=0.0, contrast=1.0, frames=400):
    """Mean counts [4] of the left eye over a floor that drifts at a velocity in mm/s, in the body's frame."""
    eyes, counts, total = retina.new_eyes(), np.zeros(4), np.zeros(4)
    place = np.array([3.0, 7.0])
    c, s = np.cos(heading), np.sin(heading)
    for frame in range(frames):
        retina.process_frame(eyes, 0, frame, TEXTURE, place, c, s, contrast, counts)
        if frame >= 20:
            total += counts
        dt = 0.001 * retina.FRAME_MS
        place -= dt * np.array([c * forward_speed - s * outward_speed, s * forward_speed + c * outward_speed])
    return total / (frames - 20)


@pytest.mark.parametrize("heading", [0.0, 2.1])
@pytest.mark.parametrize(("direction", "velocity"), [(0, (0, 10)), (1, (10, 0)), (2, (0, -10)), (3, (-10, 0))])
def test_each_direction_answers_most_to_its_own_motion(direction, velocity, heading):
    counts = watch(*velocity, heading=heading)
    assert counts.argmax() == direction
    assert counts.argmin() == (direction + 2) % 4
    assert counts[direction] > 1.4 * np.delete(counts, direction).max()


def test_a_still_or_blank_floor_leaves_only_the_resting_level():
    resting = 2.2 * 18 * 18 * sigma(10, 0.6, 0.0)
    np.testing.assert_allclose(watch(0, 0), resting)
    np.testing.assert_allclose(watch(0, 15, contrast=0.0), resting)


def test_sampling_is_periodic_bilinear_interpolation():
    image = np.empty((22, 22))
    forward, outward, heading, contrast = -31.3, 12.7, 0.7, 0.8
    retina.sample_floor(TEXTURE, forward, outward, np.cos(heading), np.sin(heading), contrast, image)
    lateral, ahead = np.meshgrid(1.0 + 0.15 * np.arange(44), 0.15 * (np.arange(44) - 21.5), indexing="ij")
    x = forward + np.cos(heading) * ahead - np.sin(heading) * lateral
    y = outward + np.sin(heading) * ahead + np.cos(heading) * lateral
    texture = map_coordinates(TEXTURE.astype(float), [y / 0.05, x / 0.05], order=1, mode="grid-wrap")
    every_second_pixel = 127.5 * (1 + 0.9 * contrast * texture[::2, ::2])
    np.testing.assert_allclose(image, every_second_pixel, atol=1e-5)


def test_off_cells_answer_to_darkening_only():
    assert retina.off_response(100.0, 100.0) == 0
    assert retina.off_response(100.0, 130.0) == 0
    assert retina.off_response(130.0, 100.0) == pytest.approx(sigma(0.5, 10, 30))


def test_ganglion_counts_agree_with_the_formula_on_whole_arrays():
    rng = np.random.default_rng(0)
    now, earlier, counts = rng.uniform(size=(44, 44)), rng.uniform(size=(44, 44)), np.zeros(4)
    retina.ganglion_counts(now[::2, ::2].copy(), earlier[::2, ::2].copy(), counts)
    centre = slice(4, 40, 2)
    for direction, (di, dj) in enumerate([(1, 0), (0, 1), (-1, 0), (0, -1)]):
        near = np.roll(earlier, (-2 * di, -2 * dj), (0, 1))[centre, centre]
        far = np.roll(earlier, (-4 * di, -4 * dj), (0, 1))[centre, centre]
        expected = 2.2 * sigma(10, 0.6, now[centre, centre] - 2 * near - far).sum()
        assert counts[direction] == pytest.approx(expected, rel=1e-12)


def test_responses_compare_with_20_ms_ago():
    eyes, counts = retina.new_eyes(), np.zeros(4)
    levels = []
    for frame in range(9):  # contrast steps up at frame 4; the same place throughout
        contrast = 1.0 if frame >= 4 else 0.3
        retina.process_frame(eyes, 0, frame, TEXTURE, np.zeros(2), 1.0, 0.0, contrast, counts)
        levels.append(counts[0])
    resting = 2.2 * 18 * 18 * sigma(10, 0.6, 0.0)
    assert min(levels[4:8]) > 5 * resting  # 20 ms earlier it was brighter in places
    assert levels[3] == pytest.approx(resting)
    assert levels[8] < resting  # nothing darkens any more, but the veto remembers what did


@pytest.mark.parametrize(
    ("count", "noise", "quanta"),
    [(0.0, 0.0, 0), (3.0, -9.0, 0), (3.0, 1.0, 320), (1.0, 0.0, 64), (0.01, 0.0, 1), (2000.0, 0.0, 65535)],
)
def test_counts_travel_as_bounded_integers(count, noise, quanta):
    assert retina.add_noise_and_quantise(count, noise) == quanta
