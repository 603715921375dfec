"""The header of a search's event log, which identifies the search, and a check that its budget can end it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from zfbench.base.errors import ZfbenchError
from zfbench.records.spend import Spend
from zfbench.search.budget import Budget
from zfbench.search.eventlog import Event, Log

FORMAT = 3  # version of the format of the event log; since 3 it names the replicate whose seed all programs share
UNCOMPARED = "surroundings"  # entry of the header in which a resumed search may differ
CODE = "code"  # entry with a hash of the source of each kind of method that no package registers, where it is known


def begin(log: Log, fields: Mapping[str, Any], budget: Budget, bound: Spend, proposal_bound: Spend) -> Event:
    """Write the header of a search to an empty event log, or compare it with the header that is there.

    Args:
        log: event log of the search.
        fields: fields that identify the search.
        budget: budget of the search.
        bound: largest possible spend of one evaluation.
        proposal_bound: largest possible spend of one proposal.

    Returns:
        The event of the header.

    Raises:
        ZfbenchError: the event log holds another search.
    """
    wanted = {
        **fields,
        "format": FORMAT,
        "budget": budget.to_json(),
        "bound": bound.to_json(),
        "proposal_bound": proposal_bound.to_json(),
    }
    head = json.loads(json.dumps(wanted))  # as it is read back: tuples become lists
    if not log.events:
        return log.append("run", head)
    old = log.events[0].body
    if old.get("format") != FORMAT:
        raise ZfbenchError(
            f"{log.path} is an event log of format {old.get('format')}, and this version of zfbench writes {FORMAT}: "
            "resume the search with the version that began it, or start it in another folder (it can still be shown "
            "and replayed)."
        )
    for key in sorted((old.keys() | head.keys()) - {UNCOMPARED, CODE}):
        if old.get(key) != head.get(key):
            name, was, wanted = _difference(key, old.get(key), head.get(key))
            raise ZfbenchError(
                f"{log.path} holds a search with {name} = {was}, not {wanted}; "
                f"resume it with {name} = {was}, or start the new search in another folder."
            )
    _check_code(log, old.get(CODE, {}), head.get(CODE, {}))
    return log.events[0]


def _check_code(log: Log, old: Mapping[str, str], new: Mapping[str, str]) -> None:
    """Refuse a class that has been changed; an event log from before hashes were written has none to compare."""
    for kind in sorted(old.keys() & new.keys()):
        if old[kind] != new[kind]:
            raise ZfbenchError(
                f"{log.path} holds a search by a {kind} whose source was different; begin a search by the changed one "
                "in another folder (`folder=`), or change it back to resume this one."
            )


def _difference(name: str, old: Any, new: Any) -> tuple[str, Any, Any]:
    """Return the dotted name of the first difference between two values of a header, and both values there."""
    if isinstance(old, dict) and isinstance(new, dict):
        key = next(key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key))
        return _difference(f"{name}.{key}", old.get(key), new.get(key))
    return name, old, new


def check_budget(budget: Budget, bound: Spend) -> None:
    """Refuse a budget that cannot end a search, or into which not even one candidate fits.

    Raises:
        ZfbenchError: the budget is refused; the sentence says what to change.
    """
    limits = budget.to_json()
    if budget.money is not None and bound.tokens > 0 and bound.money == 0:
        raise ZfbenchError(
            f"The budget money={budget.money:g} limits nothing, since the tokens have no price here; give the proposer "
            "its prices, or limit tokens instead."
        )
    if not any(unit == "wall_seconds" or getattr(bound, unit) > 0 for unit in limits if unit != "updates"):
        raise ZfbenchError("The budget sets no limit that this search can reach; add one, such as evaluations=20.")
    for unit in ("device_seconds", "wall_seconds", "tokens", "money"):
        if unit in limits and getattr(bound, unit) > limits[unit]:
            raise ZfbenchError(
                f"The budget {unit}={limits[unit]:g} is below the {getattr(bound, unit):g} that one "
                "candidate may use; raise it, or lower the limit of a candidate."
            )
