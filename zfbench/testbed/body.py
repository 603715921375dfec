"""The larva's body in water: a planar chain of a head and six tail segments that swims by bending its tail.

The shape of the tail is prescribed: each joint follows its target angle as a critically damped servo, and the water
does not bend it. The water determines the motion of the head. With the impulse ``P`` (linear) and ``L`` (angular, about
the head's centre) of the body together with the displaced water, expressed in the head's own axes, Kirchhoff's
equations read

    P' = F - omega x P,        L' = tau - v x P,        (P, L) = M(bend) (v, omega) + m(bend, bend rates)

where ``F`` and ``tau`` are the drag of the water, and the last relation is solved for the head's velocity (Kanso,
Marsden, Rowley and Melli-Huber 2005, J. Nonlinear Sci. 15, 255-289, for articulated bodies in a perfect fluid; the drag
is added here). In these axes the equations do not depend on where the larva is or where it heads. One millisecond is
two steps of the midpoint rule (second order); the servo is solved exactly.

Units: mm, mg and s, so forces are in mg mm / s^2 (1 nN), and water has density 1 and dynamic viscosity 1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Triple = tuple[float, float, float]  # forward (x), leftward (y), turning, in the head's axes

TAIL_SEGMENTS = 6
STATE_SIZE = 6 + 2 * TAIL_SEGMENTS
"""Number of entries of a body state, float64 [STATE_SIZE], whose layout is

[0:3]    pose of the head's centre: x (mm), y (mm), heading (rad, counter-clockwise positive, unwrapped)
[3:6]    impulse in the head's axes: forward, leftward (mg mm / s), angular about the centre (mg mm^2 / s)
[6:12]   joint angles, neck to tip (rad); a NEGATIVE angle bends the tail to the larva's left
[12:18]  joint rates (rad / s)
"""

# --- The larva and the water: every number of the model ---------------------------------------------------
# Dimensions are our choice, for a larva of 5-7 days, which is 4 mm long: ellipsoids, head first; the fin fold makes the
# tail higher than wide.
LENGTH = np.array([1.30, 0.45, 0.45, 0.45, 0.45, 0.45, 0.45])  # mm
WIDTH = np.array([0.62, 0.42, 0.34, 0.27, 0.21, 0.15, 0.10])  # mm
HEIGHT = np.array([0.65, 0.52, 0.46, 0.44, 0.44, 0.42, 0.36])  # mm
NECK = 0.46 * LENGTH[0]  # mm from the head's centre back to the first joint, just inside the head; our choice
BODY_LENGTH = 4.0  # mm, the L of the slender-body formulas
BODY_DENSITY = 1.05  # mg / mm^3, our choice: slightly denser than water
WATER_DENSITY = 1.0  # mg / mm^3
VISCOSITY = 1.0  # mg / (mm s), i.e. 1 mPa s: water at 20 degrees C
# Coefficients of the form drag across the head and the tail segments; our choice.
NORMAL_DRAG = np.array([0.8, 1.6, 1.6, 1.6, 1.6, 1.6, 1.6])
# Slender-body theory says 1. Fitted so that the speed of a coasting larva falls to 1/e in 34 ms.
TANGENTIAL_FACTOR = 1.7
SERVO_RATE = 2 * math.pi * 60.0  # rad / s; our choice: 60 Hz is fast against the tail beat of 25 Hz
SUBSTEPS = 2  # midpoint steps per millisecond; our choice
MILLISECOND = 1e-3  # s


class BodyParameters(NamedTuple):
    """The coefficients of the equations of motion for each segment; arrays are float64 [7], head first."""

    front_to_centre: NDArray[np.float64]  # mm, from the joint in front (of the head: from its own centre)
    front_to_rear: NDArray[np.float64]  # mm, to the joint behind
    gauss_point: NDArray[np.float64]  # mm from the segment's centre to either of its two Gauss points
    mass: NDArray[np.float64]  # mg
    added_mass: NDArray[np.float64]  # mg, for motion across the segment
    inertia: NDArray[np.float64]  # mg mm^2, body and added
    viscous_normal: NDArray[np.float64]  # mg / s
    viscous_tangential: NDArray[np.float64]  # mg / s
    quadratic_normal: NDArray[np.float64]  # mg / mm
    servo_rate: float  # rad / s


def larva() -> BodyParameters:
    """Return the coefficients of the larva's body, computed from the dimensions above.

    The viscous drag per unit length follows the resistive-force theory of slender bodies (Gray and Hancock 1955,
    doi:10.1242/jeb.32.4.802), with the constants for a whole slender body of length L (Cox 1970, J. Fluid Mech. 44,
    791-810) and ``r = sqrt(w h) / 2``:

        normal 4 pi mu / (ln(2 L / r) + 1/2),        tangential 2 pi mu / (ln(2 L / r) - 1/2).

    The quadratic term is the form drag of a bluff section. The added mass is ``pi/4 rho h^2`` per unit length
    (Lighthill 1960, doi:10.1017/S0022112060001110), times 2/3 for the taper of an ellipsoid.
    """
    mass = math.pi / 6 * BODY_DENSITY * LENGTH * WIDTH * HEIGHT
    added_mass = 2 / 3 * math.pi / 4 * WATER_DENSITY * HEIGHT**2 * LENGTH
    slenderness = np.log(2 * BODY_LENGTH / (np.sqrt(WIDTH * HEIGHT) / 2))
    return BodyParameters(
        front_to_centre=np.concatenate(([0.0], LENGTH[1:] / 2)),
        front_to_rear=np.concatenate(([NECK], LENGTH[1:])),
        gauss_point=LENGTH / (2 * math.sqrt(3.0)),
        mass=mass,
        added_mass=added_mass,
        inertia=mass * (LENGTH**2 + WIDTH**2) / 20 + added_mass * LENGTH**2 / 20,
        viscous_normal=4 * math.pi * VISCOSITY * LENGTH / (slenderness + 0.5),
        viscous_tangential=TANGENTIAL_FACTOR * 2 * math.pi * VISCOSITY * LENGTH / (slenderness - 0.5),
        quadratic_normal=0.5 * WATER_DENSITY * NORMAL_DRAG * HEIGHT * LENGTH,
        servo_rate=SERVO_RATE,
    )


LARVA = larva()


def initial_state() -> NDArray[np.float64]:
    """Return the state of a straight larva at rest at the origin, heading along +x: float64 [STATE_SIZE]."""
    return np.zeros(STATE_SIZE)


@njit(cache=True, nogil=True)
def advance(state: NDArray[np.float64], target_angles: NDArray[np.float64]) -> None:
    """Advance the larva by 1 ms, in place.

    Args:
        state: float64 [STATE_SIZE], in the layout described at `STATE_SIZE`.
        target_angles: float64 [6], rad, neck to tip, held constant over the millisecond; negative bends to the left.
    """
    integrate(state, target_angles, LARVA, MILLISECOND, SUBSTEPS)


@njit(cache=True, nogil=True)
def integrate(
    state: NDArray[np.float64],
    target_angles: NDArray[np.float64],
    body: BodyParameters,
    duration: float,
    steps: int,
) -> None:
    """Advance a body of any parameters by ``duration`` in ``steps`` steps of the midpoint rule, in place.

    Args:
        state: float64 [STATE_SIZE], in the layout described at `STATE_SIZE`.
        target_angles: float64 [6], rad, neck to tip, held constant throughout; negative bends to the left.
        body: the body's coefficients.
        duration: s.
        steps: number of steps; the error falls with its square.
    """
    step = duration / steps
    half = 0.5 * step
    decay = math.exp(-body.servo_rate * half)
    segments = np.empty((TAIL_SEGMENTS + 1, 7))
    for _ in range(steps):
        impulse = state[3], state[4], state[5]
        velocity, force = _motion(state, impulse, body, segments)
        heading = state[2] + half * velocity[2]
        middle = impulse[0] + half * force[0], impulse[1] + half * force[1], impulse[2] + half * force[2]
        _bend(state, target_angles, body.servo_rate, half, decay)
        velocity, force = _motion(state, middle, body, segments)
        cosine, sine = math.cos(heading), math.sin(heading)
        state[0] += step * (velocity[0] * cosine - velocity[1] * sine)
        state[1] += step * (velocity[0] * sine + velocity[1] * cosine)
        state[2] += step * velocity[2]
        state[3] += step * force[0]
        state[4] += step * force[1]
        state[5] += step * force[2]
        _bend(state, target_angles, body.servo_rate, half, decay)


@njit(cache=True, nogil=True)
def _bend(
    state: NDArray[np.float64], target_angles: NDArray[np.float64], rate: float, time: float, decay: float
) -> None:
    """Move the joints towards their targets: x'' = rate^2 (target - x) - 2 rate x', solved exactly."""
    for joint in range(TAIL_SEGMENTS):
        error = state[6 + joint] - target_angles[joint]
        speed = state[12 + joint]
        slope = speed + rate * error
        state[6 + joint] = target_angles[joint] + (error + slope * time) * decay
        state[12 + joint] = (speed - rate * slope * time) * decay


@njit(cache=True, nogil=True)
def _motion(
    state: NDArray[np.float64], impulse: Triple, body: BodyParameters, segments: NDArray[np.float64]
) -> tuple[Triple, Triple]:
    """Return the head's velocity and the rate of change of the impulse: Kirchhoff's equations."""
    _place_segments(state, body, segments)
    velocity = _velocity(segments, impulse, body)
    drag = _drag(segments, velocity, body)
    forward, left, spin = velocity
    return velocity, (
        drag[0] + spin * impulse[1],
        drag[1] - spin * impulse[0],
        drag[2] - (forward * impulse[1] - left * impulse[0]),
    )


@njit(cache=True, nogil=True)
def _place_segments(state: NDArray[np.float64], body: BodyParameters, segments: NDArray[np.float64]) -> None:
    """Compute each segment's pose and shape velocity in the head's axes, into ``segments`` [7, 7].

    The columns are cosine and sine of the segment's angle, x and y of its centre (mm), and the rates x', y' (mm / s)
    and angle' (rad / s) that bending alone causes.
    """
    angle, rate, x, y, u, v = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0  # x, y and u, v: joint in front, and its velocity
    for k in range(TAIL_SEGMENTS + 1):
        if k > 0:
            angle += state[5 + k]
            rate += state[11 + k]
        cosine, sine = math.cos(angle), math.sin(angle)
        centre, rear = body.front_to_centre[k], body.front_to_rear[k]
        segments[k, 0] = cosine
        segments[k, 1] = sine
        segments[k, 2] = x - centre * cosine
        segments[k, 3] = y - centre * sine
        segments[k, 4] = u + centre * rate * sine
        segments[k, 5] = v - centre * rate * cosine
        segments[k, 6] = rate
        x, y = x - rear * cosine, y - rear * sine
        u, v = u + rear * rate * sine, v - rear * rate * cosine


@njit(cache=True, nogil=True)
def _velocity(segments: NDArray[np.float64], impulse: Triple, body: BodyParameters) -> Triple:
    """Solve ``M (v, omega) = P - m`` for the head's velocity, where m is the impulse that bending alone causes."""
    m_xx, m_xy, m_yy, m_xw, m_yw, m_ww = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    p_x, p_y, p_w = impulse
    for k in range(TAIL_SEGMENTS + 1):
        cosine, sine, x, y = segments[k, 0], segments[k, 1], segments[k, 2], segments[k, 3]
        u, v, rate = segments[k, 4], segments[k, 5], segments[k, 6]
        mass, added, inertia = body.mass[k], body.added_mass[k], body.inertia[k]
        # Inertia of the segment's centre: its mass, and the added mass along its normal (-sine, cosine).
        a_xx, a_xy, a_yy = mass + added * sine * sine, -added * sine * cosine, mass + added * cosine * cosine
        a_xw, a_yw = a_xy * x - a_xx * y, a_yy * x - a_xy * y
        m_xx, m_xy, m_yy = m_xx + a_xx, m_xy + a_xy, m_yy + a_yy
        m_xw, m_yw, m_ww = m_xw + a_xw, m_yw + a_yw, m_ww + x * a_yw - y * a_xw + inertia
        bend_x, bend_y = a_xx * u + a_xy * v, a_xy * u + a_yy * v
        p_x, p_y, p_w = p_x - bend_x, p_y - bend_y, p_w - (x * bend_y - y * bend_x + inertia * rate)
    # Eliminate the linear velocity (2 x 2 block), solve for the spin, substitute back.
    determinant = m_xx * m_yy - m_xy * m_xy
    free_x, free_y = (m_yy * p_x - m_xy * p_y) / determinant, (m_xx * p_y - m_xy * p_x) / determinant
    spin_x, spin_y = (m_yy * m_xw - m_xy * m_yw) / determinant, (m_xx * m_yw - m_xy * m_xw) / determinant
    spin = (p_w - m_xw * free_x - m_yw * free_y) / (m_ww - m_xw * spin_x - m_yw * spin_y)
    return free_x - spin * spin_x, free_y - spin * spin_y, spin


@njit(cache=True, nogil=True)
def _drag(segments: NDArray[np.float64], velocity: Triple, body: BodyParameters) -> Triple:
    """Return the drag of still water on the whole body: force and torque about the head's centre."""
    forward, left, spin = velocity
    force_x, force_y, torque = 0.0, 0.0, 0.0
    for k in range(TAIL_SEGMENTS + 1):
        cosine, sine, x, y = segments[k, 0], segments[k, 1], segments[k, 2], segments[k, 3]
        u, v = forward - spin * y + segments[k, 4], left + spin * x + segments[k, 5]
        along, across = u * cosine + v * sine, v * cosine - u * sine
        difference = body.gauss_point[k] * (spin + segments[k, 6])
        front, rear = across + difference, across - difference
        viscous, quadratic = body.viscous_normal[k], body.quadratic_normal[k]
        front_force = -0.5 * (viscous + quadratic * abs(front)) * front
        rear_force = -0.5 * (viscous + quadratic * abs(rear)) * rear
        normal, tangential = front_force + rear_force, -body.viscous_tangential[k] * along
        push_x, push_y = tangential * cosine - normal * sine, tangential * sine + normal * cosine
        force_x, force_y = force_x + push_x, force_y + push_y
        torque += x * push_y - y * push_x + body.gauss_point[k] * (front_force - rear_force)
    return force_x, force_y, torque
