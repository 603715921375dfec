"""Checks of an installation: libraries, sandbox, devices, cache, data and extras, each with what would repair it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Literal

from zfbench.base import cache
from zfbench.base.errors import ZfbenchError
from zfbench.base.files import atomic_write
from zfbench.base.machine import features, library_versions, processor
from zfbench.base.plugins import KINDS, entries
from zfbench.sandbox import bubblewrap, seccomp
from zfbench.sandbox.choose import VARIABLE
from zfbench.sandbox.devices import DRIVER
from zfbench.testbed import data

DEVELOPMENT = ("dev", "docs", "crosscheck")  # extras that no command needs


@dataclass(frozen=True)
class Check:
    """The outcome of one check.

    Attributes:
        topic: one or two words.
        state: `ok`; `optional` if something is missing that zfbench works without; `broken` if a run would fail.
        found: what there is.
        repair: what to do, if there is something to do.
    """

    topic: str
    state: Literal["ok", "optional", "broken"]
    found: str
    repair: str = ""


def checks(tier: str = "tiny") -> list[Check]:
    """Return all checks, those that everything depends on first.

    Args:
        tier: tier of the data whose cached copy is looked at; nothing is built.
    """
    return [_libraries(), _sandbox(), *_devices(), _cache(), _data(tier), *_extras(), _plugins()]


def _libraries() -> Check:
    found = {"Python": sys.version.split()[0]} | library_versions()
    text = ", ".join(f"{name} {number}" for name, number in found.items())
    if "not installed" in found.values():
        return Check("libraries", "broken", text, "python -m pip install zfbench")
    return Check("libraries", "ok", text)


def _sandbox() -> Check:
    chosen = os.environ.get(VARIABLE)
    obstacle = bubblewrap.obstacle()
    if obstacle is not None:
        text = f"process: limits time and memory only, because {obstacle}"
        repair = "Install bubblewrap (Debian, Ubuntu: apt-get install bubblewrap); docs/security.md says what it needs."
        return Check("sandbox", "optional", text, repair)
    if chosen not in (None, "", bubblewrap.BubblewrapSandbox.name):
        return Check("sandbox", "optional", f"{chosen}, as {VARIABLE} says", f"Unset {VARIABLE} to use bubblewrap.")
    if not seccomp.supported():
        return Check("sandbox", "optional", "bubblewrap, without a filter of system calls on this processor")
    return Check("sandbox", "ok", "bubblewrap: programs see no network and no files of yours")


def _devices() -> list[Check]:
    cores = len(os.sched_getaffinity(0))
    cpu = Check("CPU", "ok", f"{cores} cores, {processor()} ({features() or 'features unknown'})")
    if not DRIVER.exists():
        return [cpu, Check("GPU", "optional", "none; all of zfbench runs on the CPU")]
    return [cpu, Check("GPU", "ok", "an NVIDIA driver is there; `--device gpu` uses it, where JAX has CUDA")]


def _cache() -> Check:
    folder = cache.root()
    try:
        with atomic_write(folder / "writable") as temporary:
            temporary.write_text("")
        (folder / "writable").unlink()
    except (ZfbenchError, OSError) as error:
        return Check("cache", "broken", str(error), "Set ZFBENCH_CACHE to a folder that can be written.")
    megabytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    return Check("cache", "ok", f"{folder}, {megabytes:.0f} MB ($ZFBENCH_CACHE chooses another folder)")


def _data(tier: str) -> Check:
    folder, expected = data.cache_folder(tier), data.data_sha256(tier)
    topic = f"data {tier}"
    if not folder.is_dir():
        text = f"not built yet; the first use builds them (data sha256 {expected[:12]})"
        return Check(topic, "optional", text, f"zfbench data build --tier {tier}")
    try:
        found = data.load_dataset(tier).sha256
    except ZfbenchError as error:
        return Check(topic, "broken", str(error), f"zfbench data build --tier {tier} --force")
    return Check(topic, "ok", f"intact, data sha256 {found[:12]} (`zfbench data verify` compares with the true model)")


def _extras() -> list[Check]:
    """One check for each extra that a command may need."""
    wanted: dict[str, list[str]] = {}
    for requirement in requires("zfbench") or ():
        package = re.split(r"[^\w.-]", requirement)[0]
        extra = re.search(r"""extra == ['"]([\w-]+)['"]""", requirement)
        if extra and extra[1] not in DEVELOPMENT:
            wanted.setdefault(extra[1], []).append(package)
    checked = []
    for name, packages in wanted.items():
        missing = [package for package in packages if not _installed(package)]
        if missing:
            repair = f"python -m pip install 'zfbench[{name}]'"
            checked.append(Check(f"extra {name}", "optional", f"lacks {_listed(missing)}", repair))
        else:
            checked.append(Check(f"extra {name}", "ok", _listed(packages)))
    return checked


def _plugins() -> Check:
    """Names that two packages claim cannot be used; the check imports nothing."""
    claimed: dict[tuple[str, str], set[str]] = {}
    for kind, group in KINDS.items():
        for entry in entries(group):
            claimed.setdefault((kind, entry.name), set()).add(entry.value)
    twice = [f"the {kind} '{name}'" for (kind, name), values in claimed.items() if len(values) > 1]
    others = [name for (_, name), values in claimed.items() if not any(v.startswith("zfbench.") for v in values)]
    if twice:
        return Check("plug-ins", "broken", f"two packages claim {_listed(twice)}", "Uninstall one of the two.")
    return Check("plug-ins", "ok", f"{_listed(sorted(others))} of other packages" if others else "none installed")


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
