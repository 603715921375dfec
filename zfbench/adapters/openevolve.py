"""OpenEvolve as a search: it writes and selects, zfbench trains, keeps the budget and judges.

OpenEvolve evaluates in worker processes, so its evaluator asks zfbench's HTTP server. Needs the extra `openevolve`.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from zfbench.adapters.told import OBJECTIVE, ask, background, combined_score, refuse_unseen
from zfbench.base.errors import ZfbenchError
from zfbench.records.limits import Limits
from zfbench.records.result import Result
from zfbench.runs.arena import open_arena
from zfbench.runs.plan import EXTERNAL, Plan
from zfbench.search.budget import Budget
from zfbench.search.server import Server

REFUSED = "refused"  # the metric that ends OpenEvolve's loop once it is 1
LONGEST = 24 * 3600  # seconds that an evaluation may wait and take; zfbench's own limits end it sooner


def search(
    task: str, config: Any, budget: Mapping[str, float], folder: Path | str, seed: int = 0, **options: Any
) -> Result | None:
    """Search with OpenEvolve, then judge the best program.

    Args:
        task: name of the task.
        config: OpenEvolve's `Config` or the path of its YAML file, with models, islands and `max_iterations`; the
            system message, the seed, and how evaluations and the loop end are set here.
        budget: limits by unit; not of tokens and money, which OpenEvolve spends unseen.
        folder: folder of the run; OpenEvolve's own files lie in its folder `.openevolve`.
        seed: seed of OpenEvolve and of the trainings.
        options: further options of `zfbench.runs.arena.open_arena`, such as `workers`, `sandbox` and `allow_unsafe`.

    Returns:
        The result; None if no program worked.

    Raises:
        ZfbenchError: OpenEvolve is not installed, the budget limits what it spends unseen, the configuration is not
            there or names no language model, or the language model wrote no program.
    """
    try:
        from openevolve import EvolutionFailedError, run_evolution
        from openevolve.config import load_config
    except ImportError as error:
        raise ZfbenchError("The adapter needs OpenEvolve; pip install 'zfbench[openevolve]'.") from error
    refuse_unseen(budget, "OpenEvolve")
    if isinstance(config, str | Path) and not Path(config).is_file():
        raise ZfbenchError(f"There is no configuration of OpenEvolve at {config}; name a YAML file.")
    given = load_config(config) if isinstance(config, str | Path) else config
    if not given.llm.models:
        raise ZfbenchError("OpenEvolve's configuration names no language model; list one under 'llm: models:'.")
    plan = Plan(task, "openevolve", EXTERNAL, Budget.of(budget), seed, Limits())
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}  # it replaces them
    with open_arena(plan, Path(folder), **options) as session:
        settings = replace(
            given,
            random_seed=seed,
            prompt=replace(given.prompt, system_message=f"{OBJECTIVE}\n\n{background(session.task.spec)}"),
            evaluator=replace(given.evaluator, cascade_evaluation=False, timeout=LONGEST, max_retries=0),
            early_stopping_patience=-1,  # that is, stop when the metric equals the threshold
            early_stopping_metric=REFUSED,
            convergence_threshold=1.0,
        )
        with Server(session.arena, session.task, session.judge) as server:
            threading.Thread(target=server.serve, daemon=True).start()
            evaluator = partial(evaluate, server.url, server.token)
            try:
                run_evolution(
                    session.task.seed_program, evaluator, settings, output_dir=str(Path(folder) / ".openevolve")
                )
            except EvolutionFailedError as error:
                raise ZfbenchError(f"OpenEvolve's language model wrote no program ({error}).") from error
            finally:
                server.stop()
                for number, handler in handlers.items():
                    signal.signal(number, handler)
        return session.judge()[1]


def evaluate(url: str, token: str, path: str) -> Any:
    """Ask the server for the evaluation of a program, as OpenEvolve's evaluator.

    Args:
        url: address of the server.
        token: its token.
        path: file of the program.

    Returns:
        OpenEvolve's `EvaluationResult`; a program that failed has the score 0.
    """
    from openevolve.evaluation_result import EvaluationResult

    told = ask(url, token, path)
    if "error" in told:  # the budget is spent: the search ends
        return EvaluationResult({"combined_score": 0.0, REFUSED: 1.0}, {"error": told["error"]})
    known = {} if told["loss"] is None else {"loss": told["loss"]}
    metrics = {"combined_score": combined_score(told["loss"]), REFUSED: 0.0, **known}
    return EvaluationResult(metrics, {"status": told["status"], "feedback": told["feedback"]})
