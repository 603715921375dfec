"""Write the page: an index with tables and plots, pages of methods and claims, and the numbers as CSV and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zfbench.base.errors import ZfbenchError
from zfbench.base.files import ADVICE
from zfbench.leaderboard.board import Board
from zfbench.leaderboard.exports import as_csv, as_json

if TYPE_CHECKING:
    from jinja2 import Environment

    from zfbench.leaderboard.verdicts import Answer

TEMPLATES = Path(__file__).parent / "templates"
COPIED = ("style.css", "state.js", "plots.js", "tables.js", "zfbench.bib")  # files that are the same for all results


def build(found: Sequence[Board], folder: Path, answers: Sequence[Answer] = ()) -> list[Path]:
    """Write the site of these boards into a folder.

    Args:
        found: the boards.
        folder: the folder.
        answers: decisions of claims on the same results; without any, the page says nothing of claims.

    Returns:
        The files written, `index.html` first.

    Raises:
        ZfbenchError: Jinja2 or Pygments is not installed, or the folder cannot be written.
    """
    written = []
    for name, text in _files(found, answers, _environment()):
        _write(folder / name, text)
        written.append(folder / name)
    return written


def _write(path: Path, text: str) -> None:
    """Write a file without waiting for the disk, which would take most of the time; a lost page can be made again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ZfbenchError(f"Cannot write {path} ({error.strerror}); {ADVICE}.") from error


def _environment() -> Environment:
    try:
        import pygments  # noqa: F401
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise ZfbenchError("The page needs Jinja2 and Pygments; pip install 'zfbench[site]'.") from error
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _files(found: Sequence[Board], answers: Sequence[Answer], environment: Environment) -> Iterator[tuple[str, str]]:
    """The files of the site one by one, since the pages of thousands of methods need not be in memory together."""
    from zfbench.leaderboard.site.about import Commands
    from zfbench.leaderboard.site.index import index_page, script, table_numbers
    from zfbench.leaderboard.site.methods import Setting, method_page
    from zfbench.leaderboard.site.sections import sections

    shown = sections(found)
    numbers = [[table_numbers(section, table) for table in section.tables] for section in shown]
    index = index_page(shown, answers, numbers)
    yield "index.html", environment.get_template("index.html").render(index)
    yield "numbers.js", script(numbers)
    if answers:
        yield "claims.html", environment.get_template("claims.html").render(root="", claims=index["claims"])
    template, commands = environment.get_template("method.html"), Commands()
    for section in shown:
        for table in section.tables:
            setting = Setting(section, table, commands)
            for entry in table.entries:
                yield entry.page, template.render(method_page(entry, setting))
    yield "results.csv", as_csv(found)
    yield "results.json", as_json(found)
    for name in COPIED:
        yield name, (TEMPLATES / name).read_text(encoding="utf-8")
