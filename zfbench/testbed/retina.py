"""The retina: luminance of the floor, OFF bipolar cells and direction-selective ganglion cells (DSGC).

After the ZBot controller (Liu, Loring, Zunino et al. 2025, doi:10.1126/scirobotics.adv4408). OFF cells answer to
darkening over one acquisition interval, 20 ms. A DSGC is a detector of the kind of Barlow and Levick (1965,
doi:10.1113/jphysiol.1965.sp007638): darkening that its neighbours on the side of its preferred direction saw one
interval ago suppresses it. The response of a direction is the sum over the eye, with noise like that of counts, and is
held between frames. It comes in steps of 1/64 count, so that a recording can ship it exactly, as 16-bit integers.
"""

from __future__ import annotations

from math import exp, floor, sqrt
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

FRAME_MS = 5  # ms between frames; our choice, an integer fraction of the delay
DELAY_FRAMES = 4  # frames back to the earlier frame, 20 ms: the acquisition interval of the robot's camera

TEXTURE_SIZE = 512  # px, of the floor's periodic pattern, 25.6 mm; a power of two makes it cheap to wrap around
TEXTURE_PX_MM = 0.05  # mm per px of the pattern

# The patch of floor beside the larva that an eye sees, 6.6 x 6.6 mm; sizes and distances are our choice. With them, the
# responses are direction-selective for floor speeds of 5-20 mm/s.
PIXELS = 44  # per side
PITCH_MM = 0.15  # mm from one pixel to the next
SPACING = 2  # ganglion cells and their neighbours sit on every second pixel; the others are never read
SAMPLES = PIXELS // SPACING  # pixels per side that are computed
NEAR_MM = 1.0  # mm, lateral distance of the row of pixels that is closest to the midline
MEAN_LUMINANCE = 127.5  # 8-bit units, the middle of the camera's range
MODULATION = 0.9  # amplitude relative to the mean, of a texture of contrast 1; our choice, just short of black

# Logistic functions of the ZBot controller. OFF cells read darkening in 8-bit units, 0 to 255; ganglion cells read OFF
# responses, 0 to 1.
OFF_SLOPE, OFF_THRESHOLD = 0.5, 10.0
DSGC_SLOPE, DSGC_THRESHOLD = 10.0, 0.6
NEAR_WEIGHT, FAR_WEIGHT = 2.0, 1.0  # weights of the neighbours at 2 and 4 pixels (ZBot controller)
NEAR, FAR = 2 // SPACING, 4 // SPACING  # their distances in samples; 18 x 18 cells have all four neighbours
RESPONSE_GAIN = 2.2  # our choice: scales the sum over the 18 x 18 grid to the robot's counts, about 0 to 400

QUANTA_PER_COUNT = 64.0  # steps of a response in one count
MAX_QUANTA = 65535  # the largest 16-bit integer


class Eyes(NamedTuple):
    """The memory of two eyes: their last four frames, in ring buffers; float64 [2, 4, 22, 22].

    Attributes:
        luminance: luminance of each frame, 8-bit units.
        off: OFF responses of each frame, from 0 to 1.
        off_now: [22, 22], working memory.
    """

    luminance: NDArray[np.float64]
    off: NDArray[np.float64]
    off_now: NDArray[np.float64]  # [22, 22], scratch


def new_eyes() -> Eyes:
    """Return eyes that have seen only darkness."""
    ring = (2, DELAY_FRAMES, SAMPLES, SAMPLES)
    return Eyes(np.zeros(ring), np.zeros(ring), np.zeros((SAMPLES, SAMPLES)))


@numba.njit(cache=True, nogil=True)
def sample_floor(
    texture: NDArray[np.float32],
    forward: float,
    outward: float,
    cosine: float,
    sine: float,
    contrast: float,
    image: NDArray[np.float64],
) -> None:
    """Sample the luminance of the patch beside the larva, with bilinear interpolation, at every second pixel.

    Args:
        texture: float32 [512, 512], the periodic floor pattern in (-1, 1).
        forward: mm, the larva's place on the eye's texture.
        outward: mm, the same in the direction away from the midline.
        cosine: cosine of the heading, which is positive towards the eye's own side.
        sine: sine of the heading.
        contrast: 0 to 1.
        image: float64 [22 outward, 22 forward], receives the luminance in 8-bit units.
    """
    wrap = TEXTURE_SIZE - 1
    gain = MEAN_LUMINANCE * MODULATION * contrast
    ahead_x, ahead_y = cosine * (PITCH_MM / TEXTURE_PX_MM), sine * (PITCH_MM / TEXTURE_PX_MM)  # px per sample
    for i in range(SAMPLES):
        lateral = NEAR_MM + PITCH_MM * (SPACING * i)
        x_row = (forward - sine * lateral) / TEXTURE_PX_MM - 0.5 * (PIXELS - 1) * ahead_x
        y_row = (outward + cosine * lateral) / TEXTURE_PX_MM - 0.5 * (PIXELS - 1) * ahead_y
        for j in range(SAMPLES):
            x, y = x_row + ahead_x * (SPACING * j), y_row + ahead_y * (SPACING * j)
            x0, y0 = floor(x), floor(y)
            # unsigned indices spare the compiler the test for negative ones
            column, next_column = np.uint32(x0 & wrap), np.uint32((x0 + 1) & wrap)
            row, next_row = np.uint32(y0 & wrap), np.uint32((y0 + 1) & wrap)
            near, far = texture[row, column], texture[next_row, column]
            near += (texture[row, next_column] - near) * (x - x0)
            far += (texture[next_row, next_column] - far) * (x - x0)
            image[i, j] = MEAN_LUMINANCE + gain * (near + (far - near) * (y - y0))


@numba.njit(cache=True, nogil=True)
def off_response(before: float, now: float) -> float:
    """Return the response of an OFF bipolar cell: sigma(0.5 (darkening - 10)), or 0 unless the pixel darkened."""
    if now >= before:
        return 0.0
    return 1.0 / (1.0 + exp(-OFF_SLOPE * (before - now - OFF_THRESHOLD)))


@numba.njit(cache=True, nogil=True)
def dsgc_response(now: float, near: float, far: float) -> float:
    """Return the response of a DSGC: sigma(10 (OFF now - 2 OFF near - 1 OFF far - 0.6)).

    Args:
        now: OFF response at the cell's own pixel, now.
        near: OFF response 2 pixels away on the preferred side, 20 ms ago.
        far: OFF response 4 pixels away on the preferred side, 20 ms ago.
    """
    return 1.0 / (1.0 + exp(-DSGC_SLOPE * (now - NEAR_WEIGHT * near - FAR_WEIGHT * far - DSGC_THRESHOLD)))


@numba.njit(cache=True, nogil=True)
def ganglion_counts(now: NDArray[np.float64], earlier: NDArray[np.float64], counts: NDArray[np.float64]) -> None:
    """Sum the DSGC responses of each preferred direction over the eye, in counts.

    Superior is outward for both eyes. A pattern that moves outward passes the inner neighbours first, so the
    suppression comes from the outer ones.

    Args:
        now: float64 [22, 22], OFF responses of this frame.
        earlier: float64 [22, 22], OFF responses 20 ms ago.
        counts: float64 [4], receives the counts: superior, anterior, inferior, posterior.
    """
    superior, anterior, inferior, posterior = 0.0, 0.0, 0.0, 0.0
    for i in range(FAR, SAMPLES - FAR):
        for j in range(FAR, SAMPLES - FAR):
            here = now[i, j]
            superior += dsgc_response(here, earlier[i + NEAR, j], earlier[i + FAR, j])
            anterior += dsgc_response(here, earlier[i, j + NEAR], earlier[i, j + FAR])
            inferior += dsgc_response(here, earlier[i - NEAR, j], earlier[i - FAR, j])
            posterior += dsgc_response(here, earlier[i, j - NEAR], earlier[i, j - FAR])
    counts[0] = RESPONSE_GAIN * superior
    counts[1] = RESPONSE_GAIN * anterior
    counts[2] = RESPONSE_GAIN * inferior
    counts[3] = RESPONSE_GAIN * posterior


@numba.njit(cache=True, nogil=True)
def process_frame(
    eyes: Eyes,
    eye: int,
    frame: int,
    texture: NDArray[np.float32],
    place: NDArray[np.float64],
    cosine: float,
    sine: float,
    contrast: float,
    counts: NDArray[np.float64],
) -> None:
    """Process one frame of one eye: sample the floor, update the eye's memory, and count.

    Args:
        eyes: memory of both eyes, updated in place.
        eye: 0 left, 1 right.
        frame: number of the frame.
        texture: float32 [512, 512], the floor pattern.
        place: float64 [2], (forward, outward) in mm, the eye's place on the texture.
        cosine: cosine of the heading, which is positive towards the eye's own side.
        sine: sine of the heading.
        contrast: 0 to 1.
        counts: float64 [4], receives the counts of the four directions, without noise.
    """
    slot = frame % DELAY_FRAMES
    luminance, off = eyes.luminance[eye, slot], eyes.off[eye, slot]  # of 20 ms ago, replaced below
    off_now = eyes.off_now
    for i in range(SAMPLES):
        for j in range(SAMPLES):
            off_now[i, j] = luminance[i, j]
    sample_floor(texture, place[0], place[1], cosine, sine, contrast, luminance)
    for i in range(SAMPLES):
        for j in range(SAMPLES):
            off_now[i, j] = off_response(off_now[i, j], luminance[i, j])
    ganglion_counts(off_now, off, counts)
    for i in range(SAMPLES):
        for j in range(SAMPLES):
            off[i, j] = off_now[i, j]


@numba.njit(cache=True, nogil=True)
def add_noise_and_quantise(count: float, noise: float) -> int:
    """Return a noisy count as an integer number of quanta of 1/64 count, from 0 to 65535.

    The noise is a standard normal number, which is scaled by the square root of the count plus one.
    """
    noisy = max(0.0, count + sqrt(count + 1.0) * noise)
    return min(int(noisy * QUANTA_PER_COUNT + 0.5), MAX_QUANTA)
