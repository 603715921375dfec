"""The task `hodgkin_huxley`: find out which ion channels a cortical neuron has, from its membrane potential.

A single compartment after Pospischil et al. (2008, doi:10.1007/s00422-008-0263-8), as used by Wahl et al. (2026, arXiv
2602.18266): C dV/dt = I(t) + noise - sum of g (V - E) over sodium, delayed-rectifier potassium, leak, and two slots
that are empty in the seed program. It runs for 1,450 ms by exponential Euler with dt = 0.05 ms, with a current step of
I from 100 ms to 1,100 ms; ten parameters have uniform priors; the context is (I, V0). The data are seven statistics of
the voltage, see `statistics`.

The recordings of the paper may not be redistributed. Two simulated sets of 10 + 10 cells are shipped instead, whose
parameters scatter around those of a regularly spiking neuron: `hodgkin_huxley` has a slow M-current in its second slot,
`hodgkin_huxley-without` has none, so that a method which always finds a channel is found out. The user's own recordings
are read by `hodgkin_huxley@recordings`, see `read_recordings`. `hodgkin_huxley-tiny` is the first with a tenth of the
simulations.
"""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import ZfbenchError
from zfbench.simulators.family import SimulatorFamily
from zfbench.simulators.problem import Observed, Parameter, Problem, SimulatorSpec
from zfbench.tasks.hodgkin_huxley.programs import SEED_PROGRAM, TRUTH

DT, DURATION = 0.05, 1_450.0  # ms; the duration is that of Wahl et al. (2026), the step our choice
EVERY = 4  # steps from one recorded voltage to the next
SAMPLE = DT * EVERY  # ms
ONSET, OFFSET = 100.0, 1_100.0  # ms, of the current step
SPIKE = -10.0  # mV; an upward crossing is a spike; our choice
COUNT_NOISE = 0.3  # spikes, standard deviation of the noise that gives the spike count a density; our choice
TOLERANCE = (0.1, 1.0)  # uA/cm2 and mV, smallest widths of the kernels of the contexts; our choice
FLOOR = 1e-3  # mV; smaller standard deviations are replaced by it, so that their logarithm stays finite

FOLDER = "ZFBENCH_RECORDINGS"  # environment variable: the folder of the user's recordings
INDEX = "recordings.csv"
COLUMNS = ("file", "current", "use")
USES = ("selection", "held_out")

Array = NDArray[np.float64]

# Priors of Wahl et al. (2026).
PARAMETERS = (
    Parameter("gNa", 0.5, 80.0, "mS/cm2, sodium"),
    Parameter("gK", 1e-4, 15.0, "mS/cm2, delayed-rectifier potassium"),
    Parameter("gleak", 1e-4, 0.6, "mS/cm2"),
    Parameter("Eleak", 35.0, 100.0, "mV below zero"),
    Parameter("Vt", 40.0, 90.0, "mV below zero; shifts the gates of Na and K"),
    Parameter("noise", 1e-4, 0.15, "uA/cm2 sqrt(ms), of the current"),
    Parameter("gX1", 1e-4, 10.0, "free: first slot"),
    Parameter("gX2", 1e-4, 120.0, "free: second slot"),
    Parameter("p_i", 1e-4, 150.0, "free, such as a time constant in ms"),
    Parameter("p_j", 1e-4, 3_000.0, "free, such as a time constant in ms"),
)
STATISTICS = (
    "spike count",
    "mean of rest",
    "log sd of rest",
    "mean in step",
    "log variance in step",
    "skewness in step",
    "log kurtosis in step",
)
DESCRIPTION = (
    "The membrane potential of a cortical neuron, one compartment of 1 uF/cm2, to which a current step of I uA/cm2 is "
    "applied from 100 to 1,100 ms; it starts at V0 mV. The seed program has sodium, delayed-rectifier potassium and "
    "leak, and two slots for further channels, which are empty. Find which channels are missing: what opens their "
    "gates, how fast, and what they reverse at. One step is 0.05 ms, t counts steps; integrate by exponential Euler."
)


def statistics(path: NDArray[np.floating], contexts: NDArray[np.floating], rng: np.random.Generator) -> Array:  # noqa: ARG001
    """Compute seven statistics [n, 7] of voltages [n, 7251, 1] in mV, sampled every 0.2 ms.

    They are the spike count (with noise of standard deviation 0.3, because a whole number has no density), mean and log
    standard deviation before the step, and mean, log variance, skewness and log kurtosis during it. Logarithms keep a
    few extreme simulations from setting the scale.

    Args:
        path: [n, 7251, 1], voltages.
        contexts: [n, 2], current and initial voltage; not used.
        rng: source of the noise on the spike count.
    """
    V = path[:, :, 0].astype(float)
    time = SAMPLE * np.arange(V.shape[1])
    rest, step = V[:, time < ONSET], V[:, (time >= ONSET) & (time < OFFSET)]
    count = ((step[:, :-1] < SPIKE) & (step[:, 1:] >= SPIKE)).sum(axis=1)
    mean, sd = step.mean(axis=1), np.maximum(step.std(axis=1), FLOOR)
    z = (step - mean[:, None]) / sd[:, None]
    return np.stack(
        [
            count + COUNT_NOISE * rng.standard_normal(len(V)),
            rest.mean(axis=1),
            np.log(np.maximum(rest.std(axis=1), FLOOR)),
            mean,
            2 * np.log(sd),
            (z**3).mean(axis=1),
            np.log(np.maximum((z**4).mean(axis=1), 1.0)),
        ],
        axis=1,
    )


def like_observed(observed: Array, rng: np.random.Generator, n: int) -> Array:
    """Draw contexts to simulate under from a kernel density estimate of the observed ones.

    The bandwidths follow Scott's rule (1992, doi:10.1002/9780470316849), M^(-1/6) times the standard deviations, so
    that other cells of the same kind, held-out ones too, lie among the simulations. They are at least `TOLERANCE`, for
    cells that were recorded under one current.

    Args:
        observed: [M, 2], contexts of the observations.
        rng: source of the random numbers.
        n: number of contexts.

    Returns:
        [n, 2].
    """
    chosen = observed[rng.integers(len(observed), size=n)]
    bandwidth = np.maximum(observed.std(axis=0) * len(observed) ** (-1 / 6), TOLERANCE)
    return chosen + bandwidth * rng.standard_normal((n, 2))


def standin(name: str) -> tuple[Observed, Observed]:
    """Return the shipped observations to select and to judge on, of the set `with_M` or `without`."""
    text = (files("zfbench.tasks.hodgkin_huxley") / "standin.json").read_text(encoding="utf-8")
    parts = json.loads(text)[name]
    first, second = (Observed(np.array(parts[use]["contexts"]), np.array(parts[use]["statistics"])) for use in USES)
    return first, second


def read_recordings(folder: Path) -> tuple[Observed, Observed]:
    """Read the user's recordings, and return the observations to select and to judge on.

    The folder holds `recordings.csv` with the columns file, current (uA/cm2) and use (`selection` or `held_out`), and
    for each row a text file with one voltage in mV on each line: 7,251 lines, one every 0.2 ms from 0 to 1,450 ms, with
    the current on from 100 to 1,100 ms. A recording made otherwise must be resampled and cut to that form first. No
    file may be in two rows.

    Raises:
        ZfbenchError: something is missing or does not have that form; the sentence says what.
    """
    rows = _index(folder)
    rng = np.random.default_rng(0)  # of the noise on spike counts
    found = []
    for use in USES:
        own = [row for row in rows if row["use"] == use]
        if not own:
            raise ZfbenchError(f"{folder / INDEX} has no recording with use '{use}'; both kinds are needed.")
        voltages = np.stack([_voltage(folder / row["file"]) for row in own])  # [M, T']
        currents = [_number(row["current"], folder / INDEX) for row in own]
        contexts = np.stack([np.array(currents), voltages[:, 0]], axis=1)
        found.append(Observed(contexts, statistics(voltages[:, :, None], contexts, rng)))
    return found[0], found[1]


def _index(folder: Path) -> list[dict[str, str]]:
    path = folder / INDEX
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:  # spreadsheets put a mark first
            reader = csv.DictReader(stream)
            rows = list(reader)
    except (OSError, UnicodeDecodeError) as error:
        raise ZfbenchError(f"Cannot read {path} ({error}); set {FOLDER} to a folder with that file.") from error
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise ZfbenchError(f"The first line of {path} is not '{','.join(COLUMNS)}'; correct it.")
    for line, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise ZfbenchError(f"Row {line} of {path} has not {len(COLUMNS)} fields; write {','.join(COLUMNS)}.")
        if row["use"] not in USES:
            raise ZfbenchError(f"{path} uses {row['file']} as '{row['use']}'; write {' or '.join(USES)}.")
    for name, times in Counter(str((folder / row["file"]).resolve()) for row in rows).items():
        if times > 1:
            raise ZfbenchError(f"{path} names {name} in {times} rows; a recording is selected on or held out, once.")
    return rows


def _voltage(path: Path) -> Array:
    """Read one recording, [T'] in mV."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ZfbenchError(f"Cannot read the recording {path}: {error}; correct its row in {INDEX}.") from error
    expected = round(DURATION / SAMPLE) + 1
    if len(lines) != expected:
        raise ZfbenchError(
            f"{path} has {len(lines)} voltages, not {expected}; give one every {SAMPLE} ms from 0 to 1450."
        )
    return np.array([_number(line, path) for line in lines])


def _number(text: str, path: Path) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ZfbenchError(f"{path} has '{text[:40]}' where a number belongs; correct it.")
    return value


def problem(name: str, data: Callable[[], tuple[Observed, Observed]], truth: str | None, simulations: int) -> Problem:
    """Build the task on given observations.

    Args:
        name: name of the task.
        data: function that returns the observations to select and to judge on.
        truth: source of the true program; None where it is not known.
        simulations: number of simulations from which a program's likelihood is learned.
    """
    selection, held_out = data()
    controls = {"seed_program": SEED_PROGRAM} | ({} if truth is None else {"oracle": truth})
    return Problem(
        spec=SimulatorSpec(
            name=name,
            description=DESCRIPTION,
            parameters=PARAMETERS,
            context=("I", "V0"),
            observations=("V",),
            statistics=STATISTICS,
            steps=round(DURATION / DT),
            every=EVERY,
        ),
        selection=selection,
        held_out=held_out,
        statistics=statistics,
        contexts=partial(like_observed, selection.contexts),
        seed_program=SEED_PROGRAM,
        controls=controls,
        simulations=simulations,
    )


def _own_recordings(name: str) -> Problem | None:
    if name != "hodgkin_huxley@recordings":
        return None
    if FOLDER not in os.environ:
        raise ZfbenchError(f"The task '{name}' reads the folder that {FOLDER} names; set this environment variable.")
    return problem(name, partial(read_recordings, Path(os.environ[FOLDER])), None, 1_000)


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "hodgkin_huxley-tiny": partial(problem, "hodgkin_huxley-tiny", partial(standin, "with_M"), TRUTH, 100),
    "hodgkin_huxley": partial(problem, "hodgkin_huxley", partial(standin, "with_M"), TRUTH, 1_000),
    "hodgkin_huxley-without": partial(
        problem, "hodgkin_huxley-without", partial(standin, "without"), SEED_PROGRAM, 1_000
    ),
}
HODGKIN_HUXLEY = SimulatorFamily(PROBLEMS, _own_recordings)
