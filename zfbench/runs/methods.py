"""Registered methods by name: made with their settings, and checked for their interface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zfbench.base import plugins
from zfbench.base.errors import ZfbenchError
from zfbench.protocols.discoverer import Discoverer, DiscovererFactory
from zfbench.protocols.proposer import Proposer, ProposerFactory
from zfbench.protocols.spec import Spec
from zfbench.protocols.task import SearchTask
from zfbench.records.program import Program
from zfbench.runs.plan import EXTERNAL, Plan
from zfbench.search.arena import ExternalDiscoverer

PROPOSER = ("bound", "trusted", "version", "identity", "surroundings", "propose")
DISCOVERER = ("ask", "tell")


def seed_program(task: SearchTask) -> Program:
    """Return the program that searches on a task start from."""
    return Program(task.seed_program, summary="the task's seed program")


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
    factory = factory or plugins.load("discoverer", plan.discoverer)
    made: Discoverer = _make(
        "discoverer", plan.discoverer, factory, plan.settings, DISCOVERER, plan.seed, seed_program(task)
    )
    return made


def make_proposer(plan: Plan, spec: Spec, factory: ProposerFactory | None = None) -> Proposer:
    """Make the proposer of a plan; the errors are those of `make_discoverer`.

    Args:
        plan: plan of the search.
        spec: specification of its task.
        factory: maker of the proposer; None for the one that is registered under the plan's name.
    """
    factory = factory or plugins.load("proposer", plan.proposer)
    made: Proposer = _make("proposer", plan.proposer, factory, plan.proposer_settings, PROPOSER, spec)
    return made


def _make(
    kind: str, name: str, factory: Any, settings: Mapping[str, Any], interface: tuple[str, ...], *arguments: Any
) -> Any:
    """A method with its settings."""
    try:
        made = factory(*arguments, **settings)
    except TypeError as error:
        raise ZfbenchError(f"The {kind} '{name}' does not take these settings: {error}.") from error
    missing = [attribute for attribute in interface if not hasattr(made, attribute)]
    if missing:
        raise ZfbenchError(
            f"The {kind} '{name}' lacks {', '.join(missing)}; inherit from "
            f"zfbench.protocols.{kind}.{kind.capitalize()}, which says what they are."
        )
    return made
