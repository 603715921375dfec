"""The part of chance in the scores of a forecaster: what it declares of it, and the updates that it reports.

A result says so by its updates alone: one run of a baseline that took none stands for all seeds. So a forecaster that
does not declare itself free of chance has to report what it took.
"""

from __future__ import annotations

from operator import index

from zfbench.base.errors import PluginError
from zfbench.protocols.conduct import called, conduct_of
from zfbench.protocols.models import Metered, Seeded

REMEDY = (
    "declare depends_on_seed = False if nothing is drawn, and else count the steps of the fit in report.updates "
    "(zfbench.protocols.models.Metered)"
)


def depends_on_seed(model: object) -> bool:
    """Return True if a model says that its scores depend on its seed, or does not say."""
    return model.depends_on_seed if isinstance(model, Seeded) else True


def updates_of(model: object) -> int:
    """Return the number of updates that a model reports; 0 without a report.

    Raises:
        PluginError: its report has no whole number of updates.
    """
    if not isinstance(model, Metered):
        return 0
    with conduct_of("forecaster", model, "report.updates"):
        report = model.report
        return 0 if report is None else index(report.updates)


def check_report(model: object, depends: bool) -> None:
    """Check before the fit that a model which depends on its seed is going to report its updates.

    Args:
        model: the model, not fitted yet.
        depends: whether it depends on its seed, as its entry or itself declares.

    Raises:
        PluginError: it has no report.
    """
    if depends and not isinstance(model, Metered):
        raise PluginError(
            f"The forecaster {called(model)} has no report of its fit, so that one run would stand for all seeds: "
            f"{REMEDY}."
        )


def check_updates(model: object, depends: bool) -> None:
    """Check after the fit that a model which depends on its seed reports updates; the arguments are `check_report`'s.

    Raises:
        PluginError: it reports none, or no whole number of them.
    """
    if depends and updates_of(model) == 0:
        raise PluginError(
            f"The forecaster {called(model)} reports no updates of its fit, so that one run would stand for all seeds: "
            f"{REMEDY}."
        )
