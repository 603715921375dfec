"""The stimuli: a patterned floor that drifts in epochs of constant direction, speed and contrast.

Each eye sees its own half of the floor. Directions are angles in the body's frame, counter-clockwise from forward, and
follow the larva as it turns, as in displays that are locked to the fish (Naumann et al. 2016,
doi:10.1016/j.cell.2016.10.019). Onsets, speeds and contrasts are shared by both eyes: no epoch moves under one eye
alone, because such epochs would reveal the contribution of each eye and make the held-out condition easy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from zfbench.base.errors import UnknownNameError
from zfbench.testbed.retina import TEXTURE_PX_MM, TEXTURE_SIZE

# By condition: direction of the floor under the left and the right eye, degrees; +90 is leftward. Inward and outward
# motion are those of Naumann et al.; `forward` is used only where both asymmetric conditions are held out.
DIRECTIONS = {
    "inward": (-90.0, 90.0),
    "outward": (90.0, -90.0),
    "left": (90.0, 90.0),
    "right": (-90.0, -90.0),
    "forward": (0.0, 0.0),
}
CONDITIONS = tuple(DIRECTIONS)

# All numbers below are our choice.
EPOCH_S = (0.3, 1.2)  # s, duration of an epoch, uniform
SPEED_MM_S = (4.0, 20.0)  # mm/s, uniform: the range in which the retina is direction-selective
CONTRAST = (0.4, 1.0)  # uniform; 1 is the texture's full modulation of the luminance
STATIC_FRACTION = 0.25  # share of the epochs in which the floor stands still, so that responses also decay to rest
# Degrees, sd of the direction over the epochs of one condition. With 40 degrees and separate epochs for each eye, the
# training conditions gave the held-out one away: models without any wiring forecast it almost as well.
JITTER_DEG = 15.0

TEXTURE_BLUR_MM = 0.35  # mm, sd of the smoothing kernel: structure a few pixels of the eye wide
TEXTURE_GAIN = 1.5  # factor before the tanh that flattens the extremes, so that few pixels are very dark or bright


@dataclass(frozen=True, eq=False)
class Schedule:
    """The epochs of one recording, E of them.

    Attributes:
        onset: int64 [E], ms.
        direction: float64 [E, 2], rad, direction of the floor's motion under the left and the right eye, in the body's
            frame.
        speed: float64 [E], mm/s.
        contrast: float64 [E], 0 to 1.
    """

    onset: NDArray[np.int64]
    direction: NDArray[np.float64]
    speed: NDArray[np.float64]
    contrast: NDArray[np.float64]

    def mirrored(self) -> Schedule:
        """Return the schedule of the mirrored larva."""
        return replace(self, direction=-self.direction[:, ::-1])

    def floor_velocity(self) -> NDArray[np.float64]:
        """Return the velocity of the floor under each eye in mm/s: float64 [E, 2 eyes, (forward, outward)].

        Outward is away from the midline, so that one model of the retina serves both eyes.
        """
        forward = self.speed[:, None] * np.cos(self.direction)
        leftward = self.speed[:, None] * np.sin(self.direction)
        return np.stack([forward, leftward * np.array([1.0, -1.0])], axis=-1)


def draw_schedule(condition: str, steps: int, rng: np.random.Generator) -> Schedule:
    """Draw epochs that cover `steps` ms; a longer schedule begins with the shorter one.

    The jitter turns the directions of both eyes the same way, or in opposite ways in the conditions that are their own
    mirror image (inward and outward).

    Args:
        condition: one of `CONDITIONS`.
        steps: ms to cover.
        rng: source of the random numbers.

    Raises:
        UnknownNameError: there is no such condition.
    """
    if condition not in DIRECTIONS:
        raise UnknownNameError("condition", condition, CONDITIONS)
    left, right = DIRECTIONS[condition]
    handedness = -1.0 if left == -right and left != 0 else 1.0
    onset, direction, speed, contrast = [], [], [], []
    time = 0
    while time < steps:
        onset.append(time)
        time += round(1000 * rng.uniform(*EPOCH_S))
        jitter = rng.normal(0.0, JITTER_DEG)
        direction.append((left + jitter, right + handedness * jitter))
        moving = rng.uniform() >= STATIC_FRACTION
        speed.append(rng.uniform(*SPEED_MM_S) * moving)
        contrast.append(rng.uniform(*CONTRAST))
    return Schedule(np.array(onset, dtype=np.int64), np.deg2rad(direction), np.array(speed), np.array(contrast))


def draw_texture(rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a periodic floor pattern: smoothed noise in (-1, 1) at 0.05 mm per pixel, float32 [512, 512]."""
    noise = rng.normal(size=(TEXTURE_SIZE, TEXTURE_SIZE))
    smooth = gaussian_filter(noise, TEXTURE_BLUR_MM / TEXTURE_PX_MM, mode="wrap")
    return np.tanh(TEXTURE_GAIN * smooth / smooth.std()).astype(np.float32)
