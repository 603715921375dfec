"""What a registered baseline declares, and whether a task and this installation have what it needs."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from zfbench.base.errors import PluginError
from zfbench.forecasting.task import Task
from zfbench.protocols.conduct import called, check_interface, conduct_of
from zfbench.protocols.models import Baseline
from zfbench.records.recordings import TaskSpec

KINDS = ("baseline", "control", "program")
PARTS = ("drive", "mask")
ALLOWED = {  # what each declaration may be
    "kind": lambda value: value in KINDS,
    "needs": lambda value: isinstance(value, tuple) and set(value) <= set(PARTS),
    "requires": lambda value: isinstance(value, tuple) and all(isinstance(name, str) for name in value),
    "uses_drive": lambda value: isinstance(value, bool),
    "depends_on_seed": lambda value: isinstance(value, bool),
}


def suits(baseline: Baseline, spec: TaskSpec) -> bool:
    """Whether a task shows what a registered baseline needs.

    Args:
        baseline: the registered entry.
        spec: the task.
    """
    needs = baseline.needs
    return (len(spec.drive) > 0 or "drive" not in needs) and (spec.masked or "mask" not in needs)


def missing_packages(baseline: Baseline) -> tuple[str, ...]:
    """The packages that a registered baseline requires and that are not installed."""
    return tuple(name for name in baseline.requires if find_spec(name) is None)


def check_entry(entry: Any, spec: TaskSpec) -> None:
    """Check what a registered baseline declares, and that the task gives what it needs.

    Args:
        entry: the registered entry.
        spec: the task.

    Raises:
        PluginError: a declaration is missing or not allowed, or the task does not suit it.
    """
    check_interface("baseline", entry)
    for name, allowed in ALLOWED.items():
        if not allowed(getattr(entry, name)):
            raise PluginError(
                f"The baseline {called(entry)} has {name} = {getattr(entry, name)!r}, which is not allowed; "
                "zfbench.protocols.models.Baseline says what is."
            )
    if not suits(entry, spec):
        raise PluginError(
            f"The baseline {called(entry)} needs {' and '.join(entry.needs)}, which the task '{spec.name}' does not "
            "give; choose another task."
        )


def make(entry: Any, task: Task, seed: int) -> Any:
    """Make the model of a registered baseline, not fitted yet.

    Args:
        entry: the registered entry.
        task: the task to forecast.
        seed: seed of the fit.

    Raises:
        PluginError: as of `check_entry`, or a package that it requires is missing, or it raises something.
    """
    check_entry(entry, task.spec)
    missing = missing_packages(entry)
    if missing:
        raise PluginError(f"The baseline {called(entry)} needs {', '.join(missing)}; install its extra.")
    with conduct_of("baseline", entry, "its construction"):
        return entry(task, seed)
