"""A small known system: six leaky sigmoid neurons, three drive channels, sparse wiring."""

import importlib.util
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import config

from zfbench.base import plugins
from zfbench.records.recordings import Recording, TaskSpec
from zfbench.runs import search as runs
from zfbench.runs import winner

N, D, CONTEXT, HORIZON = 6, 3, 8, 32


@dataclass(frozen=True)
class System:
    """The truth, recordings of it, and windows that no recording holds."""

    spec: TaskSpec
    W: np.ndarray
    U: np.ndarray
    alpha: np.ndarray
    train: tuple[Recording, ...]
    context: np.ndarray
    drive: np.ndarray
    target: np.ndarray

    @property
    def unmasked(self) -> TaskSpec:
        return replace(self.spec, mask=None, drive_mask=None)

    def step(self, a: np.ndarray, x: np.ndarray) -> np.ndarray:
        """One step of the truth for any leading axes."""
        target = 1 / (1 + np.exp(-6 * (a @ self.W.T + x @ self.U.T - 0.5)))
        return (1 - self.alpha) * a + self.alpha * target


def _record(system_step, steps: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    drive = np.repeat(rng.random((steps // 20 + 1, D)), 20, axis=0)[:steps]
    activity = np.empty((steps, N))
    activity[0] = rng.random(N)
    for t in range(1, steps):
        activity[t] = system_step(activity[t - 1], drive[t])
    return activity.astype(np.float32), drive.astype(np.float32)


@pytest.fixture(scope="session")
def system() -> System:
    rng = np.random.default_rng(7)
    mask = (rng.random((N, N)) < 0.35) | np.eye(N, dtype=bool)
    drive_mask = rng.random((N, D)) < 0.6
    mask[0, 5] = mask[0, 4] = drive_mask[0, 2] = False  # something is forbidden to neuron 0 in any case
    mask[0, 1], mask[1, 5] = True, True  # neuron 1 may read what neuron 0 may not
    spec = TaskSpec(
        name="leaky/masked",
        description="six leaky sigmoid neurons",
        contract="",
        dt_ms=1.0,
        horizon=HORIZON,
        context=CONTEXT,
        neurons=tuple("uvwxyz"),
        groups=("first",) * 3 + ("second",) * 3,
        drive=("p", "q", "r"),
        mask=mask,
        drive_mask=drive_mask,
    )
    W = rng.normal(0, 1.0, (N, N)) * mask * (1 - np.eye(N))
    U = rng.normal(0, 1.0, (N, D)) * drive_mask
    truth = System(spec, W, U, rng.uniform(0.05, 0.2, N), (), *(np.empty(0),) * 3)
    train = tuple(Recording(name, *_record(truth.step, 1_500, rng)) for name in ("left", "inward"))
    activity, drive = _record(truth.step, 4_000, rng)
    starts = np.linspace(CONTEXT, 4_000 - HORIZON, 40).astype(int)
    return replace(
        truth,
        train=train,
        context=np.stack([activity[s - CONTEXT : s] for s in starts]),
        drive=np.stack([drive[s - CONTEXT : s + HORIZON] for s in starts]),
        target=np.stack([activity[s : s + HORIZON] for s in starts]),
    )


def _processes() -> dict[int, tuple[str, int]]:
    """Command line and parent of every live process."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if state != "Z":
                found[int(entry.name)] = command, int(parent)
    return found


@pytest.fixture
def running():
    """Command lines, containing a word, of processes that the test started or left as orphans."""
    before = _processes()

    def search(word: str) -> list[str]:
        new = {pid: at for pid, at in _processes().items() if pid not in before}
        return [command for command, parent in new.values() if word in command and parent in (1, os.getpid())]

    return search


@pytest.fixture(scope="session")
def victim_script():
    return Path(__file__).with_name("search") / "victim.py"


@pytest.fixture
def victim(victim_script, monkeypatch, tmp_path):
    """The module `victim`, its toy put in place of the tasks for one test, which works in a folder of its own."""
    spec = importlib.util.spec_from_file_location("victim", victim_script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for patched, name in ((runs, "open_sandbox"), (winner, "judge_program"), (plugins, "load"), (plugins, "names")):
        monkeypatch.setattr(patched, name, getattr(patched, name))
    monkeypatch.chdir(tmp_path)
    module.make_toy()
    module.PAUSE = 0.0
    return module


@pytest.fixture
def shapes_unchecked():
    """As outside tests: a wrong shape reaches the function, which refuses it by itself. See docs/testing.md."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)
