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


def check_entry(entry: Any, spec: TaskSpec, name: str = "") -> None:
    """Check what a registered baseline declares, and that the task gives what it needs and this installation has it.

    Args:
        entry: the registered entry.
        spec: the task.
        name: the name under which it is registered, for the sentence.

    Raises:
        PluginError: a declaration is missing or not allowed, the task does not suit it, or a package is missing.
    """
    who = f"The baseline '{name}' ({called(entry)})" if name else f"The baseline {called(entry)}"
    check_interface("baseline", entry)
    for declared, allowed in ALLOWED.items():
        value = getattr(entry, declared)
        if not allowed(value):
            raise PluginError(
                f"{who} has {declared} = {value!r}, which is not allowed; zfbench.protocols.models.Baseline says what "
                "is."
            )
    if not suits(entry, spec):
        raise PluginError(
            f"{who} needs {' and '.join(entry.needs)}, which the task '{spec.name}' does not give; choose another task."
        )
    missing = missing_packages(entry)
    if missing:
        raise PluginError(f"{who} needs {', '.join(missing)}; install its extra.")


def make(entry: Any, task: Task, seed: int, name: str = "") -> Any:
    """Make the model of a registered baseline, not fitted yet.

    Args:
        entry: the registered entry.
        task: the task to forecast.
        seed: seed of the fit.
        name: the name under which it is registered, for the sentence.

    Raises:
        PluginError: as of `check_entry`, or it raises something.
    """
    check_entry(entry, task.spec, name)
    with conduct_of("baseline", entry, "its construction"):
        return entry(task, seed)
