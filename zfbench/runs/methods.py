"""Registered methods by name: made with their settings, and checked for their interface."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zfbench.base import plugins
from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.protocols.conduct import check_interface, conduct_of
from zfbench.protocols.discoverer import Discoverer, DiscovererFactory
from zfbench.protocols.models import Written
from zfbench.protocols.proposer import Proposer, ProposerFactory
from zfbench.protocols.spec import Spec
from zfbench.protocols.task import SearchTask
from zfbench.records.program import Program
from zfbench.runs.plan import EXTERNAL, Plan
from zfbench.runs.tasks import LoadedTask
from zfbench.search.arena import ExternalDiscoverer


def seed_program(task: SearchTask) -> Program:
    """Return the program that searches on a task start from."""
    return Program(task.seed_program, summary="the task's seed program")


def check_names(
    plan: Plan, discoverer: DiscovererFactory | None = None, proposer: ProposerFactory | None = None
) -> None:
    """Import the methods of a plan before its data are loaded.

    Args:
        plan: plan of the search.
        discoverer: maker of the discoverer, if it is not registered under the plan's name.
        proposer: maker of the proposer, if it is not registered under the plan's name.

    Raises:
        UnknownNameError: there is no discoverer or proposer of that name.
        ZfbenchError: one of them cannot be imported.
    """
    if plan.proposer != EXTERNAL:
        for kind, name, given in (("discoverer", plan.discoverer, discoverer), ("proposer", plan.proposer, proposer)):
            if given is None:
                plugins.load(kind, name)


def check_plain_settings(plan: Plan) -> None:
    """Check that an event log can hold the settings of a plan, before anything is written.

    Raises:
        ZfbenchError: one of them is no JSON, such as a function or a date.
    """
    _check_plain("setting", f"the discoverer '{plan.discoverer}'", plan.settings)
    _check_plain("setting", f"the proposer '{plan.proposer}'", plan.proposer_settings)


def check_installed(
    plan: Plan,
    folder: Path,
    discoverer: DiscovererFactory | None = None,
    proposer: ProposerFactory | None = None,
) -> None:
    """Refuse to continue a search whose discoverer or proposer is a class that this process does not have.

    Args:
        plan: plan of the search.
        folder: folder of the run.
        discoverer: maker of the discoverer, if it is not registered under the plan's name.
        proposer: maker of the proposer, likewise.

    Raises:
        ZfbenchError: there is none, with how to continue; or a registered one cannot be imported.
    """
    if plan.proposer == EXTERNAL:
        return
    for kind, name, given in (("discoverer", plan.discoverer, discoverer), ("proposer", plan.proposer, proposer)):
        if given is None:
            in_python = f"give its class to zfbench.resume({str(folder)!r}, {kind}={name}) in Python"
            _check_registered(kind, name, folder, f", or {in_python}")


def check_replayable(plan: Plan, folder: Path) -> None:
    """Refuse to replay a search whose discoverer is a class that no installed package registers.

    Args:
        plan: plan of the search.
        folder: folder of the run.

    Raises:
        ZfbenchError: it is, with what can be done; or a registered one cannot be imported.
    """
    if plan.proposer != EXTERNAL:
        only = "; a class that none registers can only continue its search, with zfbench.resume in Python"
        _check_registered("discoverer", plan.discoverer, folder, only)


def _check_registered(kind: str, name: str, folder: Path, otherwise: str) -> None:
    """Refuse a method of a run that is not registered; the sentence ends with what can be done otherwise."""
    try:
        plugins.load(kind, name)
    except UnknownNameError as error:
        raise ZfbenchError(
            f"The {kind} '{name}' of the search in {folder} is not registered here: install the package that registers "
            f"it (group {plugins.KINDS[kind]}){otherwise}."
        ) from error


def check_own_name(name: str, loaded: LoadedTask, source: str | None = None) -> None:
    """Refuse the name of a registered method for a method of one's own, whose results could be taken for its.

    Args:
        name: the name.
        loaded: the task that it is judged on.
        source: source of a program; None for a model. The source of the registered program may have its name.

    Raises:
        ZfbenchError: a registered baseline, control or program has the name.
    """
    controls = loaded.judge.controls
    if name not in controls and name not in plugins.names("baseline"):
        return
    if source is not None:
        registered = controls.get(name) or _registered_source(name)
        if registered is not None and Program(registered).id == Program(source).id:
            return
    raise ZfbenchError(
        f"There is a registered method '{name}', for whose results yours could be taken; pass another `name`, or "
        "rename the file."
    )


def _registered_source(name: str) -> str | None:
    """The source of a registered program; None for another baseline."""
    entry = plugins.load("baseline", name)
    return entry.source if isinstance(entry, Written) and isinstance(entry.source, str) else None


def make_discoverer(plan: Plan, task: SearchTask, factory: DiscovererFactory | None = None) -> Discoverer:
    """Make the discoverer of a plan.

    Args:
        plan: plan of the search.
        task: task of the plan.
        factory: maker of the discoverer; None for the one that is registered under the plan's name.

    Raises:
        UnknownNameError: there is no discoverer of that name.
        ZfbenchError: it does not have one of the settings, or lacks a part of its interface.
    """
    if plan.proposer == EXTERNAL:
        return ExternalDiscoverer()
    made: Discoverer = make(
        "discoverer", plan.discoverer, plan.settings, plan.seed, seed_program(task), factory=factory
    )
    return made


def make_proposer(plan: Plan, spec: Spec, factory: ProposerFactory | None = None) -> Proposer:
    """Make the proposer of a plan; the errors are those of `make_discoverer`, and one for an identity that is no JSON.

    Args:
        plan: plan of the search.
        spec: specification of its task.
        factory: maker of the proposer; None for the one that is registered under the plan's name.
    """
    made: Proposer = make("proposer", plan.proposer, plan.proposer_settings, spec, factory=factory)
    for part, values in (("identity", made.identity), ("surroundings", made.surroundings)):
        _check_plain("entry", f"the {part} of the proposer '{plan.proposer}'", values)
    return made


def make(kind: str, name: str, settings: Mapping[str, Any], *arguments: Any, factory: Any = None) -> Any:
    """Make a method with its settings.

    Args:
        kind: "discoverer" or "proposer".
        name: registered name.
        settings: settings of the method.
        arguments: further arguments of its factory.
        factory: maker of the method; None for the one that is registered under the name.

    Returns:
        The method.

    Raises:
        UnknownNameError: there is no method of that name.
        ZfbenchError: it does not have one of the settings, or lacks a part of its interface.
    """
    factory = factory or plugins.load(kind, name)
    _check_settings(kind, name, factory, settings, arguments)
    with conduct_of(kind, factory, "its construction"):
        made = factory(*arguments, **settings)
    check_interface(kind, made)
    return made


def _check_plain(kind: str, owner: str, values: Mapping[str, Any]) -> None:
    """Refuse values that an event log and a result cannot hold."""
    for name, value in values.items():
        try:
            json.dumps(value, allow_nan=False, sort_keys=True)
        except (TypeError, ValueError) as error:
            raise ZfbenchError(
                f"The {kind} '{name}' of {owner} cannot stand in an event log ({error}); give texts, finite numbers, "
                "lists or dictionaries of them, and keep all else, such as a function, in the class or in its module."
            ) from error


def _check_settings(
    kind: str, name: str, factory: Any, settings: Mapping[str, Any], arguments: tuple[Any, ...]
) -> None:
    """Refuse settings that the signature of a factory does not have, and name those that it has."""
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):  # a factory without a signature, such as one written in C
        return
    try:
        signature.bind(*arguments, **settings)
    except TypeError as error:
        own = [p for p in list(signature.parameters.values())[len(arguments) :] if p.kind is not p.VAR_KEYWORD]
        known = ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in own) or "none"
        raise ZfbenchError(
            f"The {kind} '{name}' does not take these settings ({error}); its settings are: {known}."
        ) from error
