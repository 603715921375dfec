"""Which results were given the drive of the horizon: forecasts with and without it are not to be compared unseen.

Known at display time, from the registry; result files do not say it.
"""

from __future__ import annotations

from zfbench.base import plugins
from zfbench.base.errors import ZfbenchError
from zfbench.records.result import Result

SHOWN = {"autonomous": False, "driven": True, "masked": True}  # whether a track shows the drive


def given_future_drive(result: Result) -> bool | None:
    """Whether the method forecast from the future drive; None where nobody can say, or the task has no drive.

    Programs are rolled out along the drive that their track shows, found by a search or not. Baselines and controls say
    themselves whether they read it (`uses_drive`).
    """
    shown = SHOWN.get(result.task.track)
    if not shown or result.method.kind in ("program", "search"):
        return shown
    try:
        factory = plugins.load("baseline", result.method.name)
    except ZfbenchError:  # of a package that is not installed here
        return None
    return bool(getattr(factory, "uses_drive", False))
