"""The files in which the repository keeps what was found on each table: race, landscape, screenings, page, picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

TABLES = Path("leaderboard/tables")


@dataclass(frozen=True)
class TableFiles:
    """The files of one table, relative to the folder of the repository.

    Attributes:
        race: what `zfbench table race` wrote.
        landscape: what `zfbench table landscape` wrote.
        fidelity: what `zfbench table fidelity` wrote.
        page: the page of results, which `zfbench table report` writes.
        picture: losses against scores of the judge, which `zfbench publish` draws.
        anytime: lowest losses so far of live searches on the task that the table was made from, which it draws too.
    """

    race: Path
    landscape: Path
    fidelity: Path
    page: Path
    picture: Path
    anytime: Path


def files_of(task: str) -> TableFiles:
    """Return the files of a table.

    Args:
        task: name of the task on the table, such as zfish-table/masked.
    """
    race, landscape, fidelity = (TABLES / file_of(task, kind) for kind in ("race", "landscape", "fidelity"))
    picture, anytime = (Path(f"docs/images/{name}-{track_of(task)}.svg") for name in ("atlas", "anytime"))
    return TableFiles(race, landscape, fidelity, page_of(task), picture, anytime)


def page_of(task: str) -> Path:
    """Return the page of results of a table.

    Args:
        task: name of the task on the table, or of the task that it was made from.
    """
    return Path(f"docs/results/table-{track_of(task)}.md")


def file_of(task: str, kind: str) -> str:
    """Return the name of a file beside a table's own, which begins as that one does.

    Args:
        task: name of the task on the table.
        kind: what the file holds, such as `race`.
    """
    from zfbench.tasks.zfish_table.family import EVALUATED_ON, folder_name  # not needed to name a page

    return f"{folder_name(EVALUATED_ON.get(task, task))}.{kind}.json"


def track_of(task: str) -> str:
    """Return the track of a task on a table, or of the task that it was made from, such as `masked`."""
    return task.partition("/")[2]
