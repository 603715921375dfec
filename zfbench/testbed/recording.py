"""The canonical recording, shipped with the package: the drive of five larvae, one for each condition.

A closed loop with thresholds and random choices amplifies rounding, so that another processor would record another
larva. Therefore the drive (retinal responses and bouts) is fixed and shipped, and f* derives the activity from it anew.
Differences of rounding die out under f*, so that activities agree between machines to `TOLERANCE`.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zfbench.base.errors import DamagedFileError, UnknownNameError
from zfbench.base.files import atomic_write, write_text
from zfbench.testbed.drive import DriveRecording, activity
from zfbench.testbed.larva import simulate
from zfbench.testbed.published import load as load_circuit
from zfbench.testbed.stimulus import CONDITIONS

GENERATOR_VERSION = 1  # increased when the closed loop, the retina or the stimuli change
STEPS = 100_000  # ms of each condition, after the larva has settled
SEEDS = {condition: k for k, condition in enumerate(CONDITIONS)}
PROBE_STEPS = tuple(range(9_999, STEPS, 10_000))  # ms at which the activity is committed, to compare machines
TOLERANCE = 1e-6  # largest difference of an activity between machines; the full scale is 1


@dataclass(frozen=True, eq=False)
class CommittedChecks:
    """The committed values against which machines and files are checked.

    Attributes:
        recording_sha256: hash of the content of the drive recordings.
        probes: activity [P, N] of each condition at `PROBE_STEPS`.
    """

    recording_sha256: str
    probes: Mapping[str, NDArray[np.float64]]


def record(condition: str, circuit: str = "published") -> DriveRecording:
    """Simulate the larva of a condition from its seed, and return its drive."""
    return simulate(load_circuit(circuit), condition, STEPS, SEEDS[condition]).drive


@lru_cache(maxsize=2)
def shipped(circuit: str = "published") -> Mapping[str, DriveRecording]:
    """Return the shipped recordings by condition.

    Raises:
        UnknownNameError: no recording of that circuit is shipped.
        DamagedFileError: the package's file is not the one that was shipped.
    """
    resource = files("zfbench.testbed") / "recordings" / f"{circuit}.npz"
    if not resource.is_file():
        raise UnknownNameError("recorded circuit", circuit, ["published"])
    try:
        with as_file(resource) as path, np.load(path, allow_pickle=False) as arrays:
            return {
                condition: DriveRecording(**{f.name: arrays[f"{condition}/{f.name}"] for f in fields(DriveRecording)})
                for condition in CONDITIONS
            }
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DamagedFileError(
            f"The shipped recording {circuit}.npz is damaged ({error}); install zfbench again."
        ) from error


def committed_checks(circuit: str = "published") -> CommittedChecks:
    """Return the committed hash and the committed activity at `PROBE_STEPS`.

    Raises:
        DamagedFileError: the package's file is not the one that was shipped.
    """
    resource = files("zfbench.testbed") / "recordings" / f"{circuit}.json"
    try:
        content = json.loads(resource.read_text(encoding="utf-8"))
        return CommittedChecks(content["recording_sha256"], {c: np.array(content["probes"][c]) for c in CONDITIONS})
    except (OSError, ValueError, KeyError) as error:
        raise DamagedFileError(f"The shipped {circuit}.json is damaged ({error}); install zfbench again.") from error


def sha256_of(recordings: Mapping[str, DriveRecording]) -> str:
    """Return the hash of the content of recordings: names, types, shapes and bytes, independent of any file format."""
    digest = hashlib.sha256()
    for condition in sorted(recordings):
        for f in fields(DriveRecording):
            array = np.ascontiguousarray(getattr(recordings[condition], f.name))
            digest.update(f"{condition}/{f.name} {array.dtype.str} {array.shape}\n".encode())
            digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def differences(fresh: DriveRecording, known: DriveRecording) -> list[str]:
    """Return the names of the fields in which two recordings differ in any bit."""
    return [
        f.name for f in fields(DriveRecording) if not np.array_equal(getattr(fresh, f.name), getattr(known, f.name))
    ]


def save(recordings: Mapping[str, DriveRecording], folder: Path, circuit: str = "published") -> None:
    """Write the files that the package ships: the recordings, their hash, and the activity at `PROBE_STEPS`.

    Args:
        recordings: recordings by condition.
        folder: folder to write to; it exists.
        circuit: name of the circuit.
    """
    arrays: dict[str, Any] = {
        f"{condition}/{f.name}": getattr(recording, f.name)
        for condition, recording in recordings.items()
        for f in fields(DriveRecording)
    }
    with atomic_write(folder / f"{circuit}.npz") as path, path.open("wb") as file:
        np.savez_compressed(file, **arrays)
    model = load_circuit(circuit)
    probes = {c: activity(model, recordings[c], STEPS)[list(PROBE_STEPS)].round(9).tolist() for c in recordings}
    content = {"recording_sha256": sha256_of(recordings), "probes": probes}
    write_text(folder / f"{circuit}.json", json.dumps(content) + "\n")
