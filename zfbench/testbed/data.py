"""The data sets: activity derived from the shipped drive, cut into fixed splits and cached with a manifest.

Within a condition, in time order: training (at most 0-80 s), validation (81-90 s) and test (91-100 s); a condition that
is held out is used whole. The gaps of 1 s hold the context of the first windows. Tier `tiny` trains on the first 12 s
of the stretch that `standard` trains on (80 s) and has the same validation and test stretches, so that scores are no
noisier where training data are few. The lengths are our choice; the order follows ZAPBench (Lueckmann et al. 2025,
arXiv 2503.02618).
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zfbench.base.cache import ADVICE, root
from zfbench.base.errors import DamagedFileError, UnknownNameError
from zfbench.base.files import atomic_write, check_folder, sha256, write_text
from zfbench.base.machine import library_versions
from zfbench.testbed import recording
from zfbench.testbed.drive import expand
from zfbench.testbed.published import load as load_circuit
from zfbench.testbed.recording import PROBE_STEPS, STEPS, TOLERANCE, committed_checks, sha256_of, shipped
from zfbench.testbed.stimulus import CONDITIONS
from zfbench.testbed.transition import rollout

DATA_VERSION = 1  # increased when splits or storage change

Stretch = tuple[int, int]  # first and last ms, the last excluded
VALIDATION: Stretch = (81_000, 90_000)
TEST: Stretch = (91_000, 100_000)
# By tier: the training stretch, and the stretches of a held-out condition.
TIERS: dict[str, tuple[Stretch, tuple[Stretch, ...]]] = {
    "tiny": ((0, 12_000), ((0, 12_000), (80_000, 100_000))),
    "standard": ((0, 80_000), ((0, 100_000),)),
}

KINDS = ("activity", "drive")

Progress = Callable[[int, int, str], None]


def _silent(done: int, total: int, stage: str) -> None:
    """Ignore a report of progress."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """The recordings of one tier of one circuit, in memory.

    Attributes:
        tier: `tiny` or `standard`.
        sha256: hash that identifies drive, circuit and splits; equal on every machine.
        folder: folder in which the arrays are cached.
        arrays: float32, `activity` [T, N] and `drive` [T, D] of every stretch that the tier keeps, under the key
            `{condition}/{first ms}/{activity or drive}`.
    """

    tier: str
    sha256: str
    folder: Path
    arrays: dict[str, NDArray[np.float32]] = field(repr=False)

    def stretch(self, condition: str, split: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return activity [T, N] and drive [T, D] of a split that is one stretch: train, validation or test."""
        (only,) = self.stretches(condition, split, lead=0)
        return only

    def stretches(self, condition: str, split: str, lead: int) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Return activity and drive of each stretch of a split, starting `lead` steps before its first target.

        Args:
            condition: stimulus condition.
            split: `train`, `validation`, `test` or `ood` (a condition that is held out).
            lead: number of steps of context before the first target. Where a stretch begins with the recording, its own
                first `lead` steps are context instead of targets.

        Returns:
            A list of pairs: activity [T, N] and drive [T, D].
        """
        found = []
        for begin, end in _splits(self.tier)[split]:
            start = max(begin - lead, next(a for a, b in _kept(self.tier) if a <= begin < b))
            first = next(a for a, b in _kept(self.tier) if a <= start < b)
            rows = slice(start - first, end - first)
            found.append(
                (
                    self.arrays[f"{condition}/{first}/activity"][rows],
                    self.arrays[f"{condition}/{first}/drive"][rows],
                )
            )
        return found


@dataclass(frozen=True)
class Check:
    """The outcome of one check of `verify`.

    Attributes:
        what: the thing that was checked.
        passed: True if it is as it should be.
        detail: the hash or difference that was found.
    """

    what: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Regeneration:
    """The outcome of `regenerate`.

    Attributes:
        identical: True if the new recordings equal the shipped ones bit for bit.
        lines: one sentence for each condition.
    """

    identical: bool
    lines: tuple[str, ...]


def data_sha256(tier: str, circuit: str = "published") -> str:
    """Return the hash by which a result names its data: of drive, circuit, splits and versions.

    It is computed from exact data only, so that rounding on another machine cannot change it.
    """
    content = {
        "data": DATA_VERSION,
        "generator": recording.GENERATOR_VERSION,
        "circuit": load_circuit(circuit).sha256,
        "recording": sha256_of(shipped(circuit)),
        "splits": _splits(tier),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def cache_folder(tier: str, circuit: str = "published") -> Path:
    """Return the folder in which a data set is cached.

    It is below the folder of the cache, `zfbench.base.cache.root`.
    """
    return root() / "data" / f"{circuit}-{tier}-{data_sha256(tier, circuit)[:12]}"


@lru_cache(maxsize=2)
def load_dataset(tier: str, circuit: str = "published") -> Dataset:
    """Return the cached data set, building it first if there is none.

    Raises:
        UnknownNameError: there is no such tier or circuit.
        DamagedFileError: the cached file is not the one that was written, or holds another recording.
    """
    dataset = build(tier, circuit)
    _check_probes(dataset, circuit)
    return dataset


def build(tier: str, circuit: str = "published", force: bool = False, progress: Progress = _silent) -> Dataset:
    """Derive the data set and cache it, unless an intact copy is in the cache.

    The manifest is written last and holds the hash of the arrays, so that a build that was killed is never taken for a
    complete one. A copy that is built again is replaced file by file, and equal data give equal bytes, so that others
    can read it all the while.

    Args:
        tier: `tiny` or `standard`.
        circuit: name of the circuit.
        force: build again even if a copy is in the cache.
        progress: called with (stages done, stages in all, name of the stage).

    Returns:
        The data set.

    Raises:
        UnknownNameError: there is no such tier or circuit.
        DamagedFileError: a cached copy is damaged and `force` is off.
        ZfbenchError: the cache cannot be written.
    """
    if tier not in TIERS:
        raise UnknownNameError("tier", tier, TIERS)
    folder = cache_folder(tier, circuit)
    arrays_path, manifest_path = folder / "arrays.npz", folder / "manifest.json"
    if manifest_path.exists() and not force:
        return Dataset(tier, data_sha256(tier, circuit), folder, _read_arrays(folder, tier))
    check_folder(folder, ADVICE)
    arrays = derive(tier, circuit, progress)
    progress(len(CONDITIONS), len(CONDITIONS) + 1, "compress")
    with atomic_write(arrays_path, advice=ADVICE) as path, path.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    manifest = {
        "data_sha256": data_sha256(tier, circuit),
        "arrays_sha256": sha256(arrays_path),
        "tier": tier,
        "circuit": circuit,
        "data_version": DATA_VERSION,
        "generator_version": recording.GENERATOR_VERSION,
        "splits": _splits(tier),
        "libraries": library_versions(),
    }
    write_text(manifest_path, json.dumps(manifest, indent=1) + "\n", ADVICE)
    progress(len(CONDITIONS) + 1, len(CONDITIONS) + 1, "done")
    return Dataset(tier, data_sha256(tier, circuit), folder, arrays)


def derive(tier: str, circuit: str = "published", progress: Progress = _silent) -> dict[str, NDArray[np.float32]]:
    """Compute the arrays of a tier by rolling f* over the shipped drive.

    Args:
        tier: `tiny` or `standard`.
        circuit: name of the circuit.
        progress: called with (stages done, stages in all, name of the stage).

    Returns:
        The arrays in the form of `Dataset.arrays`.
    """
    arrays = {}
    for done, condition in enumerate(CONDITIONS):
        progress(done, len(CONDITIONS) + 1, condition)
        drive, activity = _replay(condition, circuit)
        for begin, end in _kept(tier):
            arrays[f"{condition}/{begin}/activity"] = activity[begin:end].astype(np.float32)
            arrays[f"{condition}/{begin}/drive"] = drive[begin:end].astype(np.float32)
    return arrays


def verify(tier: str, circuit: str = "published", progress: Progress = _silent) -> list[Check]:
    """Check the shipped drive, the cached arrays and this machine's f* against the committed values.

    Args:
        tier: `tiny` or `standard`.
        circuit: name of the circuit.
        progress: called with (stages done, stages in all, name of the stage).

    Returns:
        One outcome for each check.

    Raises:
        UnknownNameError: there is no such tier or circuit.
        DamagedFileError: the cached file is damaged.
    """
    committed, known = committed_checks(circuit), sha256_of(shipped(circuit))
    checks = [
        Check("shipped drive", known == committed.recording_sha256, f"sha256 {known[:12]}"),
    ]
    cached = build(tier, circuit, progress=progress)
    checks.append(Check("cached arrays", True, f"intact, data sha256 {cached.sha256[:12]}"))
    fresh = derive(tier, circuit, progress)
    worst = max(float(np.abs(fresh[name] - cached.arrays[name]).max()) for name in fresh)
    checks.append(Check("rebuilt arrays", worst == 0, f"largest difference from the cache {worst:g}"))
    worst = max(
        float(np.abs(_replay(c, circuit)[1][list(PROBE_STEPS)] - committed.probes[c]).max()) for c in CONDITIONS
    )
    checks.append(
        Check(
            "activity probes",
            worst <= TOLERANCE,
            f"largest difference from the committed {worst:.1e} <= {TOLERANCE:g}",
        )
    )
    progress(1, 1, "done")
    return checks


def regenerate(save: Path | None = None, progress: Progress = _silent) -> Regeneration:
    """Run all larvae from their seeds and compare them with the shipped recording.

    Args:
        save: folder to write the new recording to; None writes nothing.
        progress: called with (stages done, stages in all, name of the stage).
    """
    fresh = {}
    for done, condition in enumerate(CONDITIONS):
        progress(done, len(CONDITIONS), condition)
        fresh[condition] = recording.record(condition)
    progress(len(CONDITIONS), len(CONDITIONS), "compare")
    if save is not None:
        recording.save(fresh, save)
    lines, identical = [], True
    for condition, known in shipped().items():
        different = recording.differences(fresh[condition], known)
        identical &= not different
        lines.append(f"{condition}: {'identical' if not different else 'differs in ' + ', '.join(different)}")
    return Regeneration(identical, tuple(lines))


def describe(tier: str, circuit: str = "published") -> str:
    """Describe a data set in words: its splits, sizes and hashes, and the number of bouts."""
    dataset = build(tier, circuit)
    size = sum(f.stat().st_size for f in dataset.folder.iterdir()) / 1e6
    lines = [f"{circuit}, tier {tier}: {dataset.folder} ({size:.0f} MB)", f"data sha256 {dataset.sha256}"]
    for split, stretches in _splits(tier).items():
        spans = ", ".join(f"{a / 1000:g}-{b / 1000:g} s" for a, b in stretches)
        lines.append(f"  {split:<10} {spans} of each condition" + (" that is held out" if split == "ood" else ""))
    for condition, drive in shipped(circuit).items():
        left, right = (int((drive.bout_direction == sign).sum()) for sign in (1, -1))
        lines.append(
            f"  {condition:<8} {STEPS / 1000:g} s, {drive.bout_step.size} bouts: {left} left, "
            f"{drive.bout_step.size - left - right} forward, {right} right"
        )
    return "\n".join(lines)


def _replay(condition: str, circuit: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return drive [T, D] and activity [T, N] of a whole condition."""
    known = shipped(circuit)[condition]
    drive = expand(known, STEPS)
    return drive, rollout(load_circuit(circuit), known.initial_activity[None], drive[None])[0]


def _splits(tier: str) -> dict[str, tuple[Stretch, ...]]:
    train, held_out = TIERS[tier]
    return {"train": (train,), "validation": (VALIDATION,), "test": (TEST,), "ood": held_out}


def _kept(tier: str) -> tuple[Stretch, ...]:
    """Return the stretches of every condition that a tier stores."""
    return TIERS[tier][1]


def _check_probes(dataset: Dataset, circuit: str) -> None:
    """Compare the arrays with the committed activity and the shipped drive at `PROBE_STEPS`.

    The manifest's hash finds what was damaged; this finds arrays that were replaced together with their manifest.

    Raises:
        DamagedFileError: a probe differs.
    """
    committed, known = committed_checks(circuit), shipped(circuit)
    tolerance = TOLERANCE + np.finfo(np.float32).eps
    for condition in CONDITIONS:
        expected_drive = expand(known[condition], STEPS).astype(np.float32)  # [T, D]
        for begin, end in _kept(dataset.tier):
            for number, step in enumerate(PROBE_STEPS):
                if not begin <= step < end:
                    continue
                activity, drive = (dataset.arrays[f"{condition}/{begin}/{what}"][step - begin] for what in KINDS)
                close = np.abs(activity - committed.probes[condition][number]).max() <= tolerance
                if not close or (drive != expected_drive[step]).any():
                    raise DamagedFileError(
                        f"The data cache {dataset.folder} holds another recording: at {step} ms of '{condition}' it "
                        f"differs from the committed one; {_remedy(dataset.tier)}."
                    )


def _remedy(tier: str) -> str:
    return f"`zfbench data build --tier {tier} --force` rebuilds it"


def _read_arrays(folder: Path, tier: str) -> dict[str, NDArray[np.float32]]:
    """Read the cached arrays and check them against the manifest."""
    path = folder / "arrays.npz"
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if sha256(path) != manifest["arrays_sha256"]:
            raise DamagedFileError(f"{path} is not the file that was built; {_remedy(tier)}.")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DamagedFileError(f"The data cache {folder} is damaged ({error}); {_remedy(tier)}.") from error
