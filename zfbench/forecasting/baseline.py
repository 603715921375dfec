"""What a registered baseline needs, and whether a task and this installation have it."""

from __future__ import annotations

from importlib.util import find_spec

from zfbench.protocols.models import Baseline
from zfbench.records.recordings import TaskSpec


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
