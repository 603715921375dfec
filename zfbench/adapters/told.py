"""What adapters tell systems that own their search loop, what they refuse, and how they ask zfbench's server."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from zfbench.base.errors import ZfbenchError

if TYPE_CHECKING:  # a script that only asks starts quickly
    from zfbench.protocols.task import Spec

OBJECTIVE = "Find the program with the lowest validation loss; combined_score rises as it falls, and 0 is a failure."


def background(spec: Spec) -> str:
    """Return all that a language model may know of a task: description, facts and contract."""
    facts = "\n".join(f"{heading}: {text}" for heading, text in spec.facts().items())
    return f"{spec.description}\n\n{facts}\n\n{spec.contract}"


def refuse_unseen(budget: Mapping[str, float], system: str) -> None:
    """Refuse a budget of what a system spends without telling zfbench.

    Args:
        budget: limits by unit.
        system: name of the system.

    Raises:
        ZfbenchError: the budget limits tokens or money.
    """
    if unseen := sorted({"tokens", "money"} & budget.keys()):
        raise ZfbenchError(f"{system} does not say what its language model uses up; leave {' and '.join(unseen)} out.")


def ask(url: str, token: str, path: str | Path) -> dict[str, Any]:
    """Ask zfbench's server for the evaluation of a program.

    Args:
        url: address of the server.
        token: its token.
        path: file of the program.

    Returns:
        The evaluation, or the server's sentence under `error` if it refuses, as when the budget is spent.

    Raises:
        URLError: nothing answers at the address.
    """
    body = json.dumps({"source": Path(path).read_text(encoding="utf-8")}).encode()
    request = Request(f"{url}/evaluate", body, {"Authorization": f"Bearer {token}"})
    try:
        with build_opener(ProxyHandler({})).open(request) as answer:
            told: dict[str, Any] = json.load(answer)
    except HTTPError as refusal:
        told = json.load(refusal)
    return told


def combined_score(loss: float | None) -> float:
    """Return a score that rises from 0 to 1 as the loss falls from inf to -inf, and 0 for a program that failed."""
    return 0.0 if loss is None else 0.5 - math.atan(loss) / math.pi
