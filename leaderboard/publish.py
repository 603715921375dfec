"""Files that the repository derives from its published results: tables in documents, and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zfbench.base.errors import ZfbenchError
from zfbench.base.files import write_text
from zfbench.leaderboard import certificates, finding, highlights
from zfbench.leaderboard.analyses import arms, atlas_picture, gap, searches_report, unsearched
from zfbench.leaderboard.analyses.searches import comparisons, size
from zfbench.leaderboard.analyses.table_report import read
from zfbench.leaderboard.board import Board
from zfbench.leaderboard.shipped import FOLDER
from zfbench.leaderboard.table_files import file_of, files_of
from zfbench.leaderboard.tables import as_markdown
from zfbench.tasks.zfish_table.family import EVALUATED_ON

SHORT = Path("README.md")  # holds the table of the highlights
FULL = Path("docs/results/tables.md")  # holds the whole tables
CERTIFIED = Path("docs/results/identify.md")  # holds the certificates
FOUND = Path("docs/identify.md")  # says what they found
LIVE = Path("docs/results/live.md")  # holds searches side by side
GAPS = Path("docs/results/gap.md")  # holds gap ratios
PICTURE = Path("docs/images/finding.svg")
BEGIN, END = "<!-- table: written by `zfbench publish` -->", "<!-- /table -->"


def publish(root: Path, found: Sequence[Board], check: bool = False) -> list[Path]:
    """Write all that is derived from the published results.

    Args:
        root: folder of the repository.
        found: the boards of the published results.
        check: True to compare only.

    Returns:
        The files that were changed.

    Raises:
        ZfbenchError: a document cannot be read or lacks the comments, or `check` found a file out of date.
    """
    shown = highlights.highlights(found)
    texts = {
        root / SHORT: _with_table(root / SHORT, highlights.as_markdown(shown)),
        root / FULL: _with_table(root / FULL, as_markdown(found)),
        root / CERTIFIED: _with_table(root / CERTIFIED, _certificates(found)),
        root / FOUND: _with_table(root / FOUND, certificates.findings(certificates.published())),
        root / PICTURE: finding.draw(shown),
    }
    texts[root / GAPS] = _with_table(root / GAPS, gap.as_markdown(gap.published()))
    rows = [row for board in found for table in board.tables for row in table.rows]
    runs = [run for row in rows for run in row.runs]
    searches = comparisons(runs)
    races = searches_report.read_races(FOLDER / "tables")
    side_by_side = (
        searches_report.as_markdown(searches, races),
        "## Against programs that nobody searched",
        unsearched.as_markdown(unsearched.against_programs(rows)),
        "## Families and tracks",
        arms.as_markdown(arms.arms(runs)),
    )
    texts[root / LIVE] = _with_table(root / LIVE, "\n\n".join(side_by_side))
    for task, evaluated_on in EVALUATED_ON.items():
        largest = max((c for c in searches if c.task == evaluated_on), key=size, default=None)
        if largest is not None:
            texts[root / files_of(task).anytime] = searches_report.draw(largest)
        landscape = read(FOLDER / "tables" / file_of(task, "landscape"))
        if landscape["atlas"] is not None:  # its programs, and those that searches on the task chose that it is made of
            texts[root / files_of(task).picture] = atlas_picture.draw(landscape, largest)
    changed = [path for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check and changed:
        names = " and ".join(str(path.relative_to(root)) for path in changed)
        raise ZfbenchError(f"Out of date with the published results: {names}; run `zfbench publish`.")
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, texts[path])
    return changed


def check_documents(root: Path) -> None:
    """Check that a folder has the documents that hold tables, which takes no results.

    Args:
        root: folder of the repository.

    Raises:
        ZfbenchError: a document cannot be read or lacks the comments.
    """
    for path in (SHORT, FULL, CERTIFIED, FOUND, GAPS, LIVE):
        _with_table(root / path, "")


def _certificates(found: Sequence[Board]) -> str:
    """The tables of the certificates, and what there is to say of the other tasks of the boards."""
    tasks = dict.fromkeys(table.task for board in found for table in board.tables)
    return certificates.as_markdown(certificates.published(), tuple(tasks))


def _with_table(path: Path, table: str) -> str:
    """Return the text of a document with the table between its two comments.

    Raises:
        ZfbenchError: the document cannot be read or lacks the comments.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ZfbenchError(f"Cannot read {path} ({error}); check the path.") from error
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ZfbenchError(f"{path} has no place for the table; put the lines {BEGIN} and {END} there.")
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"
