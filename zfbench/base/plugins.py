"""Search for tasks and methods by entry point, so that another package plugs in exactly as zfbench's own parts do."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from zfbench.base.errors import UnknownNameError, ZfbenchError

KINDS = {
    "task": "zfbench.tasks",
    "baseline": "zfbench.baselines",
    "discoverer": "zfbench.discoverers",
    "proposer": "zfbench.proposers",
    "executor": "zfbench.executors",
    "contenders": "zfbench.contenders",
}

TASK_NAMES = "zfbench.task_names"  # group of entry points that name the tasks of a family


def names(kind: str) -> tuple[str, ...]:
    """Return the registered names of a kind (a key of `KINDS`), sorted, without importing anything."""
    return tuple(sorted({entry.name for entry in entries(KINDS[kind])}))


def declared_task_names(family: str) -> tuple[str, ...]:
    """Return the names of tasks that a family's package declares, without importing it; none if it declares none.

    A package declares them as entries of the group `zfbench.task_names` that lead to its family.
    """
    values = {entry.value for entry in entries(KINDS["task"], family)}
    return tuple(entry.name for entry in entries(TASK_NAMES) if entry.value in values)


def kinds_of(name: str) -> tuple[str, ...]:
    """Return the kinds that something is registered as under a name, without importing anything.

    Raises:
        UnknownNameError: nothing is.
    """
    found = tuple(kind for kind in KINDS if name in names(kind))
    if not found:
        raise UnknownNameError("plug-in", name, {known for kind in KINDS for known in names(kind)})
    return found


def load(kind: str, name: str) -> Any:
    """Return the object that is registered under a name.

    Raises:
        UnknownNameError: nothing of that kind has the name; the nearest known one is suggested.
        ZfbenchError: two packages claim the name, or the plug-in cannot be imported.
    """
    found = entries(KINDS[kind], name)
    if not found:
        raise UnknownNameError(kind, name, names(kind))
    targets = {entry.value for entry in found}
    if len(targets) > 1:
        raise ZfbenchError(
            f"The {kind} '{name}' is claimed by {' and '.join(sorted(targets))}; uninstall one of the two packages."
        )
    entry = found[0]
    try:
        return entry.load()
    except (Exception, SystemExit) as error:  # the module of a plug-in may raise anything
        missing = isinstance(error, ImportError)
        raise ZfbenchError(
            f"The {kind} '{name}' ({entry.value}) cannot be imported ({type(error).__name__}: {error}); "
            f"{'install the optional extra that it needs.' if missing else 'update or uninstall its package.'}"
        ) from error


def entries(group: str, name: str | None = None) -> tuple[EntryPoint, ...]:
    """Return what the installed packages register in a group of entry points, without importing anything.

    The descriptions of a hundred packages take longer to read than most commands; they are read again only after a
    folder of `sys.path` has changed, as it does when a package is installed.

    Args:
        group: of entry points, such as a value of `KINDS`.
        name: of the entries that are wanted; None: all.
    """
    found = _read(group, tuple((folder, _changed(folder)) for folder in sys.path))
    return tuple(entry for entry in found if name in (None, entry.name))


@lru_cache(maxsize=64)
def _read(group: str, _: tuple[tuple[str, int], ...]) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=group))


def _changed(folder: str) -> int:
    """Return when something was added to a folder or removed from it last, in ns; 0 where there is none."""
    try:
        return Path(folder).stat().st_mtime_ns  # the empty name is that of the present folder
    except OSError:
        return 0
