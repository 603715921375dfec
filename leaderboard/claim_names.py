"""The names in claims, checked before anything is decided, so that a typo is no missing result."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from zfbench.base import plugins
from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.leaderboard.claims import Claim, Comparison, Side
from zfbench.leaderboard.columns import COLUMNS
from zfbench.leaderboard.outcomes import OF_SEARCHES
from zfbench.records.result import Result
from zfbench.runs.tasks import task_names


def check_names(claims: Iterable[Claim], results: Sequence[Result]) -> None:
    """Refuse a claim that names a method, proposer, task or metric that neither zfbench nor a result knows.

    A task is known without its modifiers: `zfish-tiny/masked@anonymous` is, as `zfish-tiny/masked` is.

    Raises:
        ZfbenchError: a name is unknown; the sentence has the claim, and the most similar known name.
    """
    known: dict[str, Collection[str]] = {
        "method": {*plugins.names("baseline"), *plugins.names("discoverer"), *(r.method.name for r in results)},
        "proposer": {*plugins.names("proposer"), *(r.method.proposer or "" for r in results)},
        "task": {name.split("@")[0] for name in (*task_names(), *(r.task.name for r in results))},
        "metric": {*OF_SEARCHES, *(c.score for c in COLUMNS), *(name for r in results for name in r.metrics)},
    }
    for claim in claims:
        for test in claim.tests:
            for kind, name in _names(test):
                if name not in known[kind]:
                    raise ZfbenchError(f"The claim '{claim.id}' is wrong. {UnknownNameError(kind, name, known[kind])}")


def _names(test: Comparison) -> Iterator[tuple[str, str]]:
    for side in (test.left, test.right):
        if isinstance(side, Side):
            yield "method", side.method
            yield "task", side.task.split("@")[0]
            if side.proposer is not None:
                yield "proposer", side.proposer
    for metric in test.metrics():
        yield "metric", metric
    for stand_in in (test.must_support, test.must_refute):
        for name in () if stand_in is None else (stand_in.left, stand_in.right):
            if isinstance(name, str):
                yield "method", name
