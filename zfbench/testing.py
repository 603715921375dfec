"""Checks that the author of a plug-in can run in its tests: does it keep the interface that zfbench relies on?

Each function raises `PluginError` with one sentence at the first rule that is broken. `zfbench check-plugin NAME` runs
the same checks on what is installed, and zfbench's own tests run them on everything that it registers.

    from zfbench.testing import check_discoverer
    from my_package import Annealing


    def test_annealing_keeps_the_interface_of_discoverers():
        check_discoverer(Annealing, temperature=0.1)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

from zfbench.base import plugins
from zfbench.base.errors import PluginError
from zfbench.forecasting import conformance as forecasting
from zfbench.forecasting.task import Task
from zfbench.protocols.conduct import called, conduct_of
from zfbench.protocols.discoverer import Discoverer, DiscovererFactory
from zfbench.protocols.proposer import Proposer, ProposerFactory
from zfbench.protocols.spec import Spec
from zfbench.protocols.task import SearchTask
from zfbench.runs.tasks import load_task
from zfbench.search import conformance as searching

TASK = "zfish-tiny/masked"  # on which a plug-in is checked unless another task is named

Rule = tuple[str, Callable[[], None]]  # what must hold, and the check of it


def check_discoverer(factory: DiscovererFactory, **settings: Any) -> None:
    """Check that a discoverer keeps its interface, in a search without models that takes a fraction of a second.

    Args:
        factory: the entry, as it is registered.
        settings: settings of the discoverer.

    Raises:
        PluginError: it breaks a rule; the sentence says which.
    """
    for _, check in discoverer_rules(factory, settings):
        check()


def check_proposer(factory: ProposerFactory, task: str = TASK, **settings: Any) -> None:
    """Check that a proposer keeps its interface; a language model is asked a dozen times.

    Args:
        factory: the entry, as it is registered.
        task: name of the task that it writes programs for.
        settings: settings of the proposer.

    Raises:
        PluginError: it breaks a rule; the sentence says which.
    """
    for _, check in proposer_rules(factory, load_task(task), settings):
        check()


def check_forecaster(factory: Any, task: str = TASK) -> None:
    """Check that a baseline keeps its interface, after a fit of at most 20 updates.

    A registered one that says that it does not depend on its seed is fitted twice, with two seeds.

    Args:
        factory: the entry, as it is registered; or a model as `zfbench.judge` takes it, an object with `fit` and
            `forecast` that is not fitted yet, or a class of such objects that is made without arguments.
        task: name of the task that it is fitted to.

    Raises:
        PluginError: it breaks a rule; the sentence says which.
    """
    model = _given(factory)
    rules = forecaster_rules(factory, load_task(task)) if model is None else given_rules(model, load_task(task))
    for _, check in rules:
        check()


def discoverer_rules(factory: DiscovererFactory, settings: dict[str, Any]) -> Iterator[Rule]:
    """Yield the rules of discoverers, each as a sentence with the check of it."""

    def make(seed: int) -> Discoverer:
        with conduct_of("discoverer", factory, "its construction"):
            return factory(seed, searching.SEED, **settings)

    for check in searching.DISCOVERER_CHECKS:
        yield _said(check), partial(check, make)


def proposer_rules(factory: ProposerFactory, task: SearchTask, settings: dict[str, Any]) -> Iterator[Rule]:
    """Yield the rules of proposers, each as a sentence with the check of it."""

    def make(spec: Spec) -> Proposer:
        with conduct_of("proposer", factory, "its construction"):
            return factory(spec, **settings)

    family = searching.Family(make, task.spec, task.seed_program)
    for check in searching.PROPOSER_CHECKS:
        yield _said(check), partial(check, family)


def forecaster_rules(factory: Any, task: SearchTask) -> Iterator[Rule]:
    """Yield the rules of baselines, each as a sentence with the check of it.

    Raises:
        PluginError: the task has no recordings that a baseline could forecast.
    """
    yield from _forecaster_rules(factory, called(factory), task, forecasting.FORECASTER_CHECKS)


def given_rules(model: object, task: SearchTask) -> Iterator[Rule]:
    """Yield the rules of a model that is given as an object, each as a sentence with the check of it.

    Raises:
        PluginError: the task has no recordings that a model could forecast, or the object lacks `fit` or `forecast`.
    """
    forecasting.as_forecaster(model)
    yield from _forecaster_rules(forecasting.Given(model), called(model), task, forecasting.GIVEN_CHECKS)


def _forecaster_rules(
    factory: Any, name: str, task: SearchTask, checks: Iterable[Callable[[forecasting.Entry], None]]
) -> Iterator[Rule]:
    if not isinstance(task, Task):
        raise PluginError(f"The task '{task.spec.name}' has no recordings for {name} to forecast.")
    entry = forecasting.Entry(factory, task)
    with ExitStack() as held:
        held.callback(entry.close)
        for check in checks:
            yield _said(check), partial(check, entry)


def _given(factory: Any) -> object | None:
    """The model that is checked as `zfbench.judge` would take it; None for what is an entry."""
    if hasattr(factory, "kind") or not (hasattr(factory, "fit") and hasattr(factory, "forecast")):
        return None
    if not isinstance(factory, type):
        return factory
    try:
        inspect.signature(factory).bind()
    except TypeError:  # it needs arguments, as an entry does
        return None
    with conduct_of("forecaster", factory, "its construction"):
        made: object = factory()
    return made


def registered_rules(kind: str, name: str, task: str, settings: dict[str, Any]) -> Iterator[Rule]:
    """Yield the rules of a registered plug-in, each as a sentence with the check of it.

    Args:
        kind: kind of plug-in, a key of `zfbench.base.plugins.KINDS`.
        name: registered name.
        task: name of the task that a proposer or a baseline is checked on.
        settings: settings of a discoverer or proposer.

    Raises:
        UnknownNameError: there is no such plug-in, or no such task.
        ZfbenchError: the plug-in cannot be imported.
    """
    plugin = plugins.load(kind, name)
    if kind == "discoverer":
        yield from discoverer_rules(plugin, settings)
    elif kind == "proposer":
        yield from proposer_rules(plugin, load_task(task), settings)
    elif kind == "baseline":
        yield from forecaster_rules(plugin, load_task(task))
    else:
        yield "It can be imported.", lambda: None


def _said(check: Callable[..., None]) -> str:
    """The rule that a check is about: the first line of its docstring."""
    return (check.__doc__ or "").splitlines()[0]
