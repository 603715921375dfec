"""GEPA's `optimize_anything` as a search: it writes and selects, zfbench trains, keeps the budget and judges.

Agrawal et al. 2025, arXiv 2507.19457. Needs the extra `gepa`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from zfbench.adapters.told import background, refuse_unseen
from zfbench.base.errors import ZfbenchError
from zfbench.records.limits import Limits
from zfbench.records.result import Result
from zfbench.runs.arena import open_arena
from zfbench.runs.plan import EXTERNAL, Plan
from zfbench.search.budget import Budget

FAILED = -1_000.0  # score of a program that failed, below that of any that works

LanguageModel = Callable[[Any], str]  # from GEPA's prompt, a text or a list of messages, to the model's answer


def search(
    task: str,
    model: LanguageModel | str,
    budget: Mapping[str, float],
    folder: Path | str,
    seed: int = 0,
    **options: Any,
) -> Result | None:
    """Search with GEPA, then judge the best program.

    Args:
        task: name of the task.
        model: the language model as a function, or its name for LiteLLM, which GEPA then needs installed.
        budget: limits by unit; not of tokens and money, which GEPA spends unseen.
        folder: folder of the run.
        seed: seed of GEPA and of the trainings.
        options: further options of `zfbench.runs.arena.open_arena`, such as `sandbox` and `allow_unsafe`.

    Returns:
        The result; None if no program worked.

    Raises:
        ZfbenchError: GEPA is not installed, or the budget limits what GEPA spends unseen.
    """
    try:
        from gepa.optimize_anything import EngineConfig, GEPAConfig, ReflectionConfig, optimize_anything
    except ImportError as error:
        raise ZfbenchError("The adapter needs GEPA; pip install 'zfbench[gepa]'.") from error
    refuse_unseen(budget, "GEPA")
    plan = Plan(task, "gepa", EXTERNAL, Budget.of(budget), seed, Limits())
    with open_arena(plan, Path(folder), **options) as session:

        def evaluate(source: str) -> tuple[float, dict[str, str]]:
            evaluation = session.arena.evaluate(source)
            score = FAILED if evaluation.loss is None else -evaluation.loss
            return score, {"status": str(evaluation.status), "feedback": evaluation.feedback}

        if not session.arena.finished:  # a search that was interrupted while it was judged has no more to evaluate
            reflection: Any = model  # GEPA declares a protocol of its own for it
            optimize_anything(
                session.task.seed_program,
                evaluator=evaluate,
                objective="Find the program with the lowest validation error; the score is minus that error.",
                background=background(session.task.spec),
                config=GEPAConfig(
                    engine=EngineConfig(seed=seed, parallel=False),
                    reflection=ReflectionConfig(reflection_lm=reflection),
                    stop_callbacks=[lambda _: session.arena.spent],
                ),
            )
        return session.judge()[1]
