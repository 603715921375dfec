"""A table in a document, written between two comments, so that it can be checked against the results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zfbench.base.errors import ZfbenchError
from zfbench.base.files import write_text
from zfbench.leaderboard.board import Board
from zfbench.leaderboard.tables import as_markdown

BEGIN = "<!-- leaderboard: made by `zfbench leaderboard --readme README.md` -->"
END = "<!-- /leaderboard -->"


def update(path: Path, found: Sequence[Board], check: bool = False) -> bool:
    """Write the tables between the two comments of a file.

    Args:
        path: path of the document.
        found: boards to show.
        check: True to compare only.

    Returns:
        True if the document was changed.

    Raises:
        ZfbenchError: the file cannot be read or lacks the comments, or `check` found the table out of date.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ZfbenchError(f"Cannot read {path} ({error}); check the path.") from error
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ZfbenchError(f"{path} has no place for the table; put the lines {BEGIN} and {END} there.")
    updated = f"{before}{BEGIN}\n\n{as_markdown(found)}\n\n{END}{after}"
    if updated == text:
        return False
    if check:
        raise ZfbenchError(f"The table in {path} is out of date; run `zfbench leaderboard --readme {path}`.")
    write_text(path, updated)
    return True
