"""The published optomotor circuit, as tables of constants.

The cell types are those of Naumann et al. (2016, doi:10.1016/j.cell.2016.10.019). Connections, weights, slopes (omega)
and biases are those of the open controllers of simZFish and ZBot (Liu, Loring, Zunino et al. 2025,
doi:10.1126/scirobotics.adv4408), which are per update step and are taken per millisecond here.

The leaks (alpha, per ms) of AF (0.05), nMLF and LHB (0.1), SW (0.035) and vSPN (0.05) are the controllers' low-pass
constants. Those of all other cell types are our choice: the controllers compute these types without delay, while a
one-step map a(t) = f*(a(t-1), x(t)) needs a leak for each, and different leaks give each type its own time course.

Directions: 0 superior (up), 1 anterior (forward), 2 inferior (down), 3 posterior (backward). The left side is written;
`zfbench.testbed.assembly` mirrors it.
"""

from __future__ import annotations

from functools import lru_cache
from math import cos, pi, sin

from zfbench.base.errors import UnknownNameError
from zfbench.testbed.assembly import Unit, assemble
from zfbench.testbed.circuit import Circuit
from zfbench.testbed.spinal import SEGMENTS

# Please keep this string with any copy of these tables. A program or a model that knows it has read them.
CANARY = "zfbench canary 3f6f1c52-9d0e-4b8b-a2f4-7c1e5d90b6aa"
OPPOSITE = (2, 3, 0, 1)
SEGMENT_LAG = 0.2 * pi  # rad, phase of the tail beat from one segment to the next (ZBot controller)
# Weight from vSPN to the motor neurons and, below, the motor neurons' slope 2 and bias 1.4: simZFish's values. With
# ZBot's the tail beats with half the amplitude; with these, turns are 30-60 degrees, as in larvae.
VSPN_TO_MN = 1.2

# By cell type: alpha, omega, bias and inputs (weights of PT units). S also has the gate min(RPT_L0, LPT_R2).
LATE_PRETECTUM: dict[str, tuple[float, float, float, dict[str, float]]] = {
    "oB": (
        0.05, 2.5, 0.8, {"RPT_L0": 1, "LPT_R2": 1, "RPT_L2": -1, "LPT_R3": 1.0, "RPT_L1": 0.3},
    ),
    "B": (
        0.06, 2.5, 0.8, {"RPT_L0": 1, "LPT_R2": 1, "RPT_L2": -1, "LPT_R0": -1, "RPT_L1": 0.8, "LPT_R3": 1.0},
    ),
    "iB": (
        0.08, 2.5, 0.8, {"RPT_L0": 1, "LPT_R2": 1, "LPT_R0": -1},
    ),
    "ioB": (
        0.10, 2.5, 0.8, {"RPT_L0": 1, "LPT_R2": 1},
    ),
    "iMm": (
        0.08, 4.0, 0.6, {"LPT_R2": 1, "LPT_R1": 0.8, "RPT_L3": -0.8},
    ),
    "Mm": (
        0.06, 4.0, 0.6,
        {"LPT_R2": 1, "LPT_R1": 1.0, "RPT_L2": -1, "RPT_L1": 0.5, "LPT_R3": 1.0, "RPT_L3": -0.5},
    ),
    "oMl": (
        0.12, 5.0, 0.4, {"RPT_L0": 1},
    ),
    "S": (
        0.10, 4.0, 0.6, {"RPT_L1": 1.5, "LPT_R3": 0.5},
    ),
}  # fmt: skip
LATE_PRETECTUM_GATES = {"S": (("RPT_L0", "LPT_R2", 1.0, "min"),)}

# Weights of the inputs of the left nMLF and of the left aHB.
NMLF = {
    "oB_L": -0.2, "B_L": 0.16, "iB_L": 0.25, "ioB_L": -0.05,
    "iMm_L": 0.6, "Mm_L": 0.4, "oMl_R": -0.8, "S_L": 0.2,
}  # fmt: skip
AHB = {
    "oB_L": 0.575, "B_L": 0.533, "Mm_L": 0.533, "S_L": 0.392,
    "oB_R": -0.333, "B_R": -0.333, "Mm_R": -0.310, "S_R": -0.080,
}  # fmt: skip


def early_visual_units() -> list[Unit]:
    """Return the low-passed retinal input (AF) and the direction-selective pretectal units (PT) of the left eye.

    AF follows the retina, five times slower during a bout. PT units of opposite directions inhibit each other with
    weight 0.5 through AF, and adapt slope and bias to the mean drive m of their eye (1 at 80 counts): omega = 0.04 -
    0.02 (m - 1) and bias = 80 + 32 (m - 1) per retinal count. The numbers below are the same in units of 200 counts,
    the unit of the drive: omega = 200 (0.06 - 0.02 m) = 12 - 4 m, and bias = (48 + 32 m) / 200 = 0.24 + 0.16 m.
    """
    af = [
        Unit(f"AF_L{d}", "AF", "linear", 0.05, drive_weights={f"retina_L{d}": 1}, leak_drive={"bout": -0.8})
        for d in range(4)
    ]
    pt = [
        Unit(
            f"RPT_L{d}", "PT", "sigmoid", 0.2, omega=12.0, bias=0.24,
            weights={f"AF_L{d}": 1, f"AF_L{OPPOSITE[d]}": -0.5},
            omega_drive={"gain_L": -4.0}, bias_drive={"gain_L": 0.16},
        )
        for d in range(4)
    ]  # fmt: skip
    return af + pt


def late_pretectum_units() -> list[Unit]:
    """Return the eight response types of the left late pretectum."""
    return [
        Unit(f"{t}_L", t, "sigmoid", alpha, omega, bias, inputs, gates=LATE_PRETECTUM_GATES.get(t, ()))
        for t, (alpha, omega, bias, inputs) in LATE_PRETECTUM.items()
    ]


def command_units() -> list[Unit]:
    """Return the left units for forward swimming (nMLF) and turning (aHB and LHB, anterior and lateral hindbrain)."""
    return [
        Unit("nMLF_L", "nMLF", "sigmoid", 0.1, 6.5, 0.3, NMLF),
        Unit("aHB_L", "aHB", "sigmoid", 0.1, 5.0, 0.65, AHB),
        Unit("LHB_L", "LHB", "sigmoid", 0.1, 4.0, 0.6, {"aHB_L": 1}),
    ]


def motor_units() -> list[Unit]:
    """Return the bout integrator, the swim amplitude, and the left vSPN and motor neurons of the six tail segments.

    The integrator BG grows by (0.6 (nMLF_L + nMLF_R) + 0.2) / 255 per ms until a bout starts at 1
    (`zfbench.testbed.bouts`), and is held at 0 during the bout: the controller's counter with its threshold 255 scaled
    to 1, without its noise. A motor neuron reads the swim amplitude SW through its pattern generator, 0.01 + b (1 +
    sin(phase + lag * segment)), where b is 1 during a bout; the right side beats in antiphase. The first two segments
    also read nMLF during a bout.
    """
    integrator = Unit(
        "BG", "BG", "linear", 1.0, bias=-0.2 / 255,
        weights={"BG": 1, "nMLF_L": 0.6 / 255, "nMLF_R": 0.6 / 255}, reset_drive={"bout": 1},
    )  # fmt: skip
    swim = Unit("SW", "SW", "linear", 0.035, drive_weights={"swim": 1})
    turn = Unit("vSPN_L", "vSPN", "linear", 0.05, drive_weights={"turn_L": 1})
    return [integrator, swim, turn, *(_motor_neuron(segment) for segment in range(SEGMENTS))]


def _motor_neuron(segment: int) -> Unit:
    rhythm = (
        ("SW", "bout", 1.0),
        ("SW", "phase_sin", round(cos(SEGMENT_LAG * segment), 15)),
        ("SW", "phase_cos", round(sin(SEGMENT_LAG * segment), 15)),
    )
    rostral = (("nMLF_L", "bout", 1.0),) if segment < 2 else ()
    return Unit(
        f"MN_L{segment}", "MN", "sigmoid", 0.3, omega=2.0, bias=1.4,
        weights={"SW": 0.01, "vSPN_L": VSPN_TO_MN},
        modulations=tuple(m for m in rhythm + rostral if m[2] != 0),
    )  # fmt: skip


@lru_cache(maxsize=1)
def published() -> Circuit:
    """Return the published circuit: 54 neurons and 140 edges between different neurons."""
    return assemble("published", early_visual_units() + late_pretectum_units() + command_units() + motor_units())


def load(name: str) -> Circuit:
    """Return the circuit of a given name.

    Raises:
        UnknownNameError: there is no circuit of that name.
    """
    if name != "published":
        raise UnknownNameError("circuit", name, ["published"])
    return published()
