"""The prompts that a proposer would send to a language model for a task, and their possible cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zfbench.base import plugins
from zfbench.base.errors import ZfbenchError
from zfbench.protocols.proposer import Context, Preview, Previewing
from zfbench.records.evaluation import Evaluation, Request, Scored
from zfbench.records.hints import CRITIQUE, NO_NUMBERS, advice
from zfbench.records.limits import Limits
from zfbench.records.program import Operator, Status
from zfbench.runs.methods import seed_program
from zfbench.runs.plan import Plan
from zfbench.runs.replay import replay
from zfbench.runs.tasks import load_task

AS_MODELSMC = (CRITIQUE, NO_NUMBERS)  # hints of its requests, unless it is told otherwise
NOT_EVALUATED = "(In a search, the program's error above and its feedback here are what was measured.)"


def preview(
    task: str,
    proposer: str = "llm",
    settings: Mapping[str, Any] | None = None,
    *,
    operator: Operator = "mutate",
    critique: bool = False,
    ideas: Sequence[str] = (),
    limits: Limits | None = None,
) -> Preview:
    """Return the prompts for the first request of a search, which starts from the seed program.

    Args:
        task: name of the task.
        proposer: registered name of the proposer.
        settings: settings of the proposer.
        operator: operator of the request.
        critique: True if a critique of the parent is asked for first and numbers are withheld, as `modelsmc` does.
        ideas: hints of the request.
        limits: limits of the evaluation of each program.

    Returns:
        The prompts and their possible cost.

    Raises:
        UnknownNameError: there is no such task or proposer.
        ZfbenchError: the proposer cannot show prompts, or does not take these settings.
    """
    loaded = load_task(task)
    parent = Scored(seed_program(loaded), Evaluation(Status.OK, 0.0, feedback=NOT_EVALUATED))
    request = Request(1, operator, (parent.program.id,), (*ideas, *(AS_MODELSMC if critique else ())))
    context = Context(loaded.spec, (parent,), frozenset({parent.program.id}), (parent,), limits)
    return _preview(proposer, request, context, settings or {})


def preview_run(folder: Path, critique: bool = False) -> Preview:
    """Return the prompts that the proposer of a run would send now if its best program were the parent.

    Args:
        folder: folder of the run.
        critique: True if a critique of the parent is asked for first and numbers are withheld, as `modelsmc` does.

    Returns:
        The prompts and their possible cost.

    Raises:
        ZfbenchError: there is no run, no program works yet, or its proposer cannot show prompts.
    """
    plan, outcome = Plan.read(folder), replay(folder)
    if outcome.best is None:
        raise ZfbenchError(f"No program of the search in {folder} works yet, so there is none to build on.")
    spec, parents = load_task(plan.task).spec, (outcome.best,)
    hints = (*advice(spec.groups, parents), *plan.ideas[:1], *(AS_MODELSMC if critique else ()))
    request = Request(outcome.counts.asked, "mutate", (outcome.best.program.id,), hints)
    known = frozenset(scored.program.id for scored in outcome.evaluated)
    context = Context(spec, parents, known, outcome.evaluated, plan.candidate)
    return _preview(plan.proposer, request, context, plan.proposer_settings)


def _preview(proposer: str, request: Request, context: Context, settings: Mapping[str, Any]) -> Preview:
    factory = plugins.load("proposer", proposer)
    if not isinstance(factory, Previewing):
        raise ZfbenchError(
            f"The proposer '{proposer}' has no classmethod `preview`, so there is nothing to show: either it sends no "
            "prompts, as a grammar does, or its author has to add one (zfbench.protocols.proposer.Previewing)."
        )
    try:
        return factory.preview(request, context, **settings)
    except TypeError as error:
        raise ZfbenchError(f"The proposer '{proposer}' does not take these settings: {error}.") from error
