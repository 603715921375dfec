"""The conduct of a plug-in: whatever goes wrong in it is one sentence that names it, and not a fault of zfbench."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from zfbench.base.errors import PluginError, ZfbenchError
from zfbench.records.evaluation import Proposal, Request
from zfbench.records.program import ProgramId
from zfbench.records.spend import Spend


def called(plugin: object) -> str:
    """Return the full name of a plug-in's class, or of the plug-in itself if it is a function or a class."""
    named = plugin if isinstance(plugin, type) or hasattr(plugin, "__qualname__") else type(plugin)
    return f"{named.__module__}.{named.__qualname__}"


ADVICE = {  # what the author of a kind of plug-in may not know, by the method that failed
    ("proposer", "propose"): "raise ProposalError where there is no program for a request, with answered=False where "
    "what it asks did not answer (zfbench.protocols.proposer); ",
}


@contextmanager
def conduct_of(kind: str, plugin: object, doing: str) -> Iterator[None]:
    """Return a context in which every exception but those of zfbench becomes a sentence about a plug-in.

    Args:
        kind: kind of plug-in, such as "discoverer".
        plugin: the plug-in.
        doing: name of the method that is called.

    Raises:
        PluginError: the plug-in raised something.
    """
    try:
        yield
    except ZfbenchError:
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise PluginError(
            f"The {kind} {called(plugin)} failed in {doing} ({text}, {Path(last.filename).name} line {last.lineno}); "
            f"{ADVICE.get((kind, doing), '')}the functions of zfbench.testing check its whole interface."
        ) from error


INTERFACES = {  # the attributes that every plug-in of a kind has
    "discoverer": ("ask", "tell"),
    "proposer": ("bound", "trusted", "version", "identity", "surroundings", "propose"),
    "baseline": ("kind", "needs", "requires", "uses_drive", "depends_on_seed"),
}
BASES = {  # the class that a plug-in of a kind inherits from
    "discoverer": "zfbench.protocols.discoverer.Discoverer",
    "proposer": "zfbench.protocols.proposer.Proposer",
    "baseline": "zfbench.protocols.models.Baseline",
}


def check_interface(kind: str, plugin: object) -> None:
    """Check that a plug-in has the attributes of its kind.

    Args:
        kind: a key of `INTERFACES`.
        plugin: the plug-in.

    Raises:
        PluginError: it lacks some.
    """
    missing = [name for name in INTERFACES[kind] if not hasattr(plugin, name)]
    if missing:
        how = "make it a class that inherits from" if inspect.isroutine(plugin) else "inherit from"
        raise PluginError(
            f"The {kind} {called(plugin)} lacks {', '.join(missing)}; {how} {BASES[kind]}, which says what they are."
        )


def check_request(discoverer: object, request: object, expected: int, told: Collection[ProgramId]) -> None:
    """Check a request that a discoverer made.

    Args:
        discoverer: the discoverer.
        request: its answer to `ask`.
        expected: id that the request must have.
        told: ids of the programs that it was told.

    Raises:
        PluginError: the request breaks the interface of discoverers.
    """
    name = f"The discoverer {called(discoverer)}"
    if not isinstance(request, Request):
        raise PluginError(f"{name} returned {type(request).__name__} from ask; return a Request, or None.")
    if request.id != expected:
        raise PluginError(f"{name} numbered a request {request.id}, expected {expected}; number them 0, 1, 2, ...")
    for what, values in (("parents", request.parents), ("hints", request.hints)):
        if not (isinstance(values, tuple) and all(isinstance(value, str) for value in values)):
            raise PluginError(f"{name}: the {what} of request {expected} are {values!r}; give a tuple of texts.")
    unknown = [parent for parent in request.parents if parent not in told]
    if unknown:
        raise PluginError(
            f"{name}: request {expected} names parents that were never evaluated ({', '.join(unknown)}); choose among "
            "the programs that it was told."
        )


def check_proposal(proposer: object, proposal: object) -> None:
    """Check the answer of a proposer.

    Args:
        proposer: the proposer.
        proposal: its answer to `propose`.

    Raises:
        PluginError: the answer breaks the interface of proposers.
    """
    name = f"The proposer {called(proposer)}"
    if not isinstance(proposal, Proposal):
        raise PluginError(
            f"{name} returned {type(proposal).__name__} from propose; return a Proposal, or raise ProposalError."
        )
    for what in ("source", "summary", "critique"):
        value = getattr(proposal, what)
        if not isinstance(value, str):
            raise PluginError(f"{name}: the {what} of its proposal is {type(value).__name__}; give a text.")
    if not isinstance(proposal.spend, Spend):
        raise PluginError(f"{name}: the spend of its proposal is {type(proposal.spend).__name__}; give a Spend.")
