"""The retina: luminance of the floor, OFF bipolar cells, direction-selective ganglion cells (DSGC).

After the robot of Liu, Loring, Zunino et al. 2025: OFF cells answer to darkening over one acquisition
interval, 20 ms; a Barlow-Levick DSGC is vetoed by what its neighbours on the preferred side saw one interval
ago. The response of a direction is the sum over the eye, with Poisson-like noise, and is held between
frames. It comes in steps of 1/64 count, so that a recording ships it exactly, as 16-bit integers.
"""

from __future__ import annotations

from math import exp, floor, sqrt
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

FRAME_MS = 5
DELAY_FRAMES = 4  # 20 ms, the acquisition interval

TEXTURE_SIZE = 512  # px, of the floor's periodic pattern; a power of two
TEXTURE_PX_MM = 0.05

PIXELS = 44  # per side of the patch an eye sees
PITCH_MM = 0.15
SPACING = 2  # ganglion cells and their neighbours sit on every second pixel; the others are never read
SAMPLES = PIXELS // SPACING  # per side, all that is computed
NEAR_MM = 1.0  # lateral distance of the row closest to the midline
MEAN_LUMINANCE = 127.5  # 8-bit units
MODULATION = 0.9  # of the luminance by a texture of contrast 1

OFF_SLOPE, OFF_THRESHOLD = 0.5, 10.0
DSGC_SLOPE, DSGC_THRESHOLD = 10.0, 0.6
NEAR_VETO, FAR_VETO = 2.0, 1.0  # weights of the neighbours at 2 and 4 pixels
NEAR, FAR = 2 // SPACING, 4 // SPACING  # their distances in samples; 18 x 18 cells have all four neighbours
RESPONSE_GAIN = 2.2  # brings the 18 x 18 grid to the robot's counts

QUANTA_PER_COUNT = 64.0
MAX_QUANTA = 65535


class Eyes(NamedTuple):
    """What two eyes remember: their last four frames, as rings; float64 [2, 4, 22, 22]."""

    luminance: NDArray[np.float64]
    off: NDArray[np.float64]
    off_now: NDArray[np.float64]  # [22, 22], scratch


def open_eyes() -> Eyes:
    """Eyes that have seen only darkness."""
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
    """Bilinear luminance of every second pixel of the patch beside the larva, into `image` [outward, forward].

    `forward` and `outward` (mm) locate the larva on the eye's texture; cosine and sine are those of its
    heading, which is positive towards the eye's own side.
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
    """OFF bipolar cell: 0 unless the pixel darkened."""
    if now >= before:
        return 0.0
    return 1.0 / (1.0 + exp(-OFF_SLOPE * (before - now - OFF_THRESHOLD)))


@numba.njit(cache=True, nogil=True)
def dsgc_response(now: float, near: float, far: float) -> float:
    """Barlow-Levick cell: its own OFF input now, vetoed by its neighbours' earlier ones."""
    return 1.0 / (1.0 + exp(-DSGC_SLOPE * (now - NEAR_VETO * near - FAR_VETO * far - DSGC_THRESHOLD)))


@numba.njit(cache=True, nogil=True)
def ganglion_counts(now: NDArray[np.float64], earlier: NDArray[np.float64], counts: NDArray[np.float64]) -> None:
    """Sum the DSGC of each preferred direction into `counts` [4]: superior, anterior, inferior, posterior.

    Superior is outward, for both eyes; a pattern that moves there passes the inner neighbours first, so the
    veto comes from the outer ones.
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
def see(
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
    """Take one frame with one eye (0 left, 1 right) at `place` (forward, outward) into `counts` [4]."""
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
def transmit(count: float, noise: float) -> int:
    """A noisy count as the optic nerve sends it: an integer number of quanta of 1/64, 0 to 65535.

    The noise is N(0, 1), scaled to the square root of the count.
    """
    noisy = max(0.0, count + sqrt(count + 1.0) * noise)
    return min(int(noisy * QUANTA_PER_COUNT + 0.5), MAX_QUANTA)
