"""Prompts and answers of a language model, kept in the run's folder, one text file for each request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zfbench.base.errors import ZfbenchError
from zfbench.records.evaluation import Exchange

PROMPTS = "prompts"  # folder of these files in the folder of a run


def exchanges_path(folder: Path, request: int) -> Path:
    """Return the path of the file of a request."""
    return folder / PROMPTS / f"{request:05d}.txt"


def keep_exchanges(folder: Path, request: int, exchanges: Sequence[Exchange]) -> None:
    """Append calls to the file of their request; the calls of an earlier process stay in it.

    Args:
        folder: folder of the run.
        request: number of the request.
        exchanges: the calls, in order.

    Raises:
        ZfbenchError: the file cannot be written.
    """
    path = exchanges_path(folder, request)
    text = "".join(f"{exchange.text()}\n" for exchange in exchanges)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as error:
        raise ZfbenchError(
            f"Cannot write {path} ({error.strerror}); free some space, or keep no prompts "
            "(--proposer-set keep_prompts=false), and resume the search."
        ) from error
