"""What a program can see of this machine: the interpreter, some libraries, and the few modules that run it.

It is a list of what is there, not of what is hidden: a folder that nobody thought of stays invisible.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from zfbench.sandbox.confinement import CPUINFO, DEVICES

PACKAGES = "/packages"  # the only entry of the module path beside the standard library
LIBRARIES = ("numpy", "jax", "jaxlib", "flax", "optax")  # and what they cannot do without
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*(\[(?P<extras>[^]]*)\])?")  # such as etils[epath, epy]
OF_AN_EXTRA = re.compile(r""";.*\bextra\s*==\s*["']([\w.-]+)""")
MODULES = (  # of zfbench: nothing that holds or leads to the truth
    "__init__",
    *("base/__init__", "base/errors"),
    *("records/__init__", "records/frame", "records/program", "records/recordings", "records/source"),
    *("sandbox/__init__", "sandbox/confinement", "sandbox/frames", "sandbox/pool", "sandbox/seccomp", "sandbox/worker"),
    *("engine/__init__", "engine/operations", "engine/serialise", "engine/step", "engine/trace"),
    *("forecasting/__init__", "forecasting/contract", "forecasting/flax_step", "forecasting/job"),
    "forecasting/signature",
    *("simulators/__init__", "simulators/job", "simulators/signature", "simulators/functions"),
)
WARM = ("zfbench.forecasting.job", "zfbench.simulators.job", "optax")  # imported by the pool
SYSTEM_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")
PROCESSOR = (("/proc/cpuinfo", CPUINFO), ("/sys/devices/system/cpu",) * 2)  # XLA picks its kernels by them
INSTALLED = re.compile(r"(site|dist)-packages$")  # folders of a Python's libraries: shown one by one, below PACKAGES


def interpreter() -> Path:
    """The real Python, without the virtual environment."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def arguments() -> list[str]:
    """Mounts, as options of bwrap."""
    shown = [interpreter(), *_python_libraries()]
    options = [option for path in SYSTEM_LIBRARIES for option in _system_folder(Path(path))]
    for path in shown:
        options += ["--ro-bind", str(path), str(path)]
    for hidden in _installed_below([*shown, *(Path(p) for p in SYSTEM_LIBRARIES if Path(p).is_dir())]):
        options += ["--tmpfs", str(hidden), "--remount-ro", str(hidden)]
    for path in _packages():
        options += ["--ro-bind", str(path), f"{PACKAGES}/{path.name}"]
    root = Path(__file__).parents[1]
    for module in MODULES:
        options += ["--ro-bind", str(root / f"{module}.py"), f"{PACKAGES}/zfbench/{module}.py"]
    for source, place in PROCESSOR:
        options += ["--ro-bind-try", source, place]
    for device in DEVICES:
        options += ["--dev-bind", device, device]
    for folder in ("/dev/shm", "/tmp"):  # every program mounts its own over these
        options += ["--dir", folder]
    return [*options, "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache", "--proc", "/proc", "--remount-ro", "/"]


def _python_libraries() -> list[Path]:
    """The standard library and what lies beside it: libpython, and in some distributions its libraries."""
    real = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}  # not the virtual environment's
    standard = {Path(sysconfig.get_path(name, vars=real)) for name in ("stdlib", "platstdlib")}
    base = {Path(sys.base_prefix) / name for name in ("lib", "lib64")}
    return sorted(path for path in base | standard if path.is_dir() and not path.is_symlink())


def _system_folder(path: Path) -> list[str]:
    if path.is_symlink():
        return ["--symlink", str(path.readlink()), str(path)]
    return ["--ro-bind", str(path), str(path)] if path.is_dir() else []


def _installed_below(shown: list[Path]) -> list[Path]:
    """Folders of libraries inside folders that are shown."""
    depths = ("*", "*/*")  # lib/python3.11/site-packages, lib/python3/dist-packages, python3.11/site-packages
    found = {p for folder in shown if folder.is_dir() for depth in depths for p in folder.glob(depth)}
    found |= {Path(entry) for entry in sys.path if INSTALLED.search(entry)}
    inside = {p.resolve() for p in found if INSTALLED.search(p.name) and p.is_dir()}
    return sorted(p for p in inside if any(p.is_relative_to(folder.resolve()) for folder in shown))


def _packages() -> Iterator[Path]:
    """Top-level files and folders of `LIBRARIES` and of what they cannot do without."""
    waiting, seen, shown = list(LIBRARIES), set(), set()
    while waiting:
        wanted = REQUIREMENT.match(waiting.pop())
        if wanted is None or wanted[0] in seen:
            continue
        seen.add(wanted[0])
        try:
            distribution = importlib.metadata.distribution(wanted["name"])
        except importlib.metadata.PackageNotFoundError:
            continue  # for another platform
        waiting += _required(distribution.requires or (), wanted["extras"] or "")
        record = distribution.read_text("RECORD") or ""
        tops = {line.split(",")[0].split("/")[0] for line in record.splitlines()}
        for top in sorted(tops - {"..", "", "__pycache__"}):
            path = Path(str(distribution.locate_file(top)))
            if path.name not in shown and path.exists():
                shown.add(path.name)
                yield path


def _required(requirements: Iterable[str], extras: str) -> list[str]:
    """Those that hold always, and those of the extras; the others name test runners, other frameworks and the like."""
    chosen = []
    for requirement in requirements:
        condition = OF_AN_EXTRA.search(requirement)
        if condition is None or condition[1] in re.split(r"[\s,]+", extras):
            chosen.append(requirement)
    return chosen
