"""What the larva is shown: a patterned floor that drifts in epochs of direction, speed and contrast.

Each eye sees its own half of the floor. Directions are angles in the body's frame, counter-clockwise from
forward, and follow the larva as it turns, as in displays locked to the fish (Naumann et al. 2016). Onsets,
speeds and contrasts are shared by both eyes: no epoch moves under one eye alone, which would give the
circuit away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from zfbench.base.errors import UnknownNameError
from zfbench.testbed.retina import TEXTURE_PX_MM, TEXTURE_SIZE

# condition: direction of the floor under the left and the right eye, degrees; +90 is leftward
DIRECTIONS = {
    "inward": (-90.0, 90.0),
    "outward": (90.0, -90.0),
    "left": (90.0, 90.0),
    "right": (-90.0, -90.0),
    "forward": (0.0, 0.0),
}
CONDITIONS = tuple(DIRECTIONS)

EPOCH_S = (0.3, 1.2)  # uniform
SPEED_MM_S = (4.0, 20.0)  # uniform
CONTRAST = (0.4, 1.0)  # uniform
STATIC_FRACTION = 0.25  # of epochs; the floor stands still
JITTER_DEG = 15.0  # sd of the direction within a condition

TEXTURE_BLUR_MM = 0.35  # sd of the smoothing kernel
TEXTURE_GAIN = 1.5  # of the tanh that flattens the extremes


@dataclass(frozen=True, eq=False)
class Schedule:
    """Epochs of one recording, E of them.

    Attributes:
        onset: int64 [E], ms.
        direction: float64 [E, 2], rad, floor motion under the left and the right eye in the body's frame.
        speed: float64 [E], mm/s.
        contrast: float64 [E], 0 to 1.
    """

    onset: NDArray[np.int64]
    direction: NDArray[np.float64]
    speed: NDArray[np.float64]
    contrast: NDArray[np.float64]

    def mirrored(self) -> Schedule:
        """What the mirrored larva is shown."""
        return replace(self, direction=-self.direction[:, ::-1])

    def floor_velocity(self) -> NDArray[np.float64]:
        """Velocity of the floor under each eye, [E, 2 eyes, (forward, outward)] in mm/s.

        Outward is away from the midline, so that one retina serves both eyes.
        """
        forward = self.speed[:, None] * np.cos(self.direction)
        leftward = self.speed[:, None] * np.sin(self.direction)
        return np.stack([forward, leftward * np.array([1.0, -1.0])], axis=-1)


def draw_schedule(condition: str, steps: int, rng: np.random.Generator) -> Schedule:
    """Epochs that cover `steps` ms; a longer schedule begins with the shorter one.

    Jitter turns both eyes' directions the same way, or in opposite ways where the condition itself is its own
    mirror image across the midline (inward and outward).

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
    """A periodic floor pattern, float32 [512, 512] in (-1, 1): smoothed noise at 0.05 mm per pixel."""
    noise = rng.normal(size=(TEXTURE_SIZE, TEXTURE_SIZE))
    smooth = gaussian_filter(noise, TEXTURE_BLUR_MM / TEXTURE_PX_MM, mode="wrap")
    return np.tanh(TEXTURE_GAIN * smooth / smooth.std()).astype(np.float32)
