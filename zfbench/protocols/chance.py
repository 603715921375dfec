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
    """Return True if a model says that its scores depend on its seed, or does not say.

    Raises:
        PluginError: it says neither True nor False.
    """
    if not isinstance(model, Seeded):
        return True
    if not isinstance(model.depends_on_seed, bool):
        raise PluginError(
            f"The forecaster {called(model)} has depends_on_seed = {model.depends_on_seed!r}; declare True or False."
        )
    return model.depends_on_seed


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
    """Check after the fit that a model reports updates if, and only if, it depends on its seed.

    Args:
        model: the model, fitted.
        depends: whether it depends on its seed, as for `check_report`.

    Raises:
        PluginError: it reports none, or some in spite of what it declares, or no whole number of them.
    """
    count = updates_of(model)
    if count and not depends:
        raise PluginError(
            f"The forecaster {called(model)} says depends_on_seed = False, but reports {count} updates, and a result "
            "with updates does not stand for all seeds; leave out the report, or set depends_on_seed = True."
        )
    if depends and count == 0:
        raise PluginError(
            f"The forecaster {called(model)} reports no updates of its fit, so that one run would stand for all seeds: "
            f"{REMEDY}."
        )
