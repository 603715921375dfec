"""What adapters tell systems that own their search loop, and what they refuse."""

from __future__ import annotations

from collections.abc import Mapping

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.task import Spec


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
