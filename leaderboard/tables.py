"""Boards as text, Markdown, LaTeX and HTML: a table for each task; "-" stands for a score that is not applicable.

A table shows rank, method and a few main columns, or with `every` all columns. Methods come first, the best first; the
references below them have no rank.
"""

from __future__ import annotations

import html
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from tabulate import tabulate

from zfbench.leaderboard import certificates
from zfbench.leaderboard.apart import apart
from zfbench.leaderboard.board import Board, Row, Table
from zfbench.leaderboard.columns import Column
from zfbench.leaderboard.escaping import latex, markdown, one_line
from zfbench.leaderboard.exports import as_csv, json_pieces
from zfbench.leaderboard.statistics import Interval
from zfbench.scoring.source import SUSPICIOUS

MISSING = "-"
UNREADABLE = 1e6  # larger errors, of unstable models, are shown by their order of magnitude


LEGENDS = {  # explanation of the columns of each family of scores
    "headline": "Generalisation, wiring, responses: headline scores, each 0 at its control (`last_value`, "
    "`no_lateral`, `no_effect`) and 1 at the true circuit. Mean: the mean of the three, by which methods are ranked.",
    "forecast": "MAE: mean absolute error of forecasts over 256 ms (ID: training conditions, OOD: the held-out "
    "condition). Skill: 1 - MAE / MAE of the last value.",
    "connectivity": "AP lift: average precision of the recovered wiring, scaled so that 0 is chance and 1 is perfect; "
    "in mask: among the pairs that the group wiring allows; cross: among pairs of different groups. Sign acc.: share "
    "of true edges with the correct sign; balanced: mean of excitatory and inhibitory edges.",
    "dynamics": "Impulse error: error of the responses to impulses, relative to the true responses; 1 for predicting "
    "no response; cross: median over blocks of different groups, without the neuron that was moved.",
    "intervention": "Interv. error: error of the effects of clamping a neuron, relative to the true effects; 1 for "
    "predicting no effect; cross: as for impulses.",
    "source": "Table share: share of the published circuit's numbers that stand in the program's text; from "
    f"{SUSPICIOUS:g} on a sentence below the table names the method.",
    "likelihood": "Log p: log marginal likelihood in nats of all observations that were held out or selected on, mean "
    "of three new evaluations; MC error: Monte Carlo error of the average over the prior; eval. sd: standard deviation "
    "of the three. Optimism: the search's evaluation of its winner minus that mean. Exact log p and surrogate error: "
    "for each held-out observation.",
    "population": "Target share: share of the population that is the target model.",
}
REFERENCE = "ref"
RANKS = (
    "Rank: 1 + the number of methods that are significantly better; 2-4: the data do not decide between these "
    "ranks (Student's test, paired by seed; Holm over all pairs of a table, at 95 %). A method is ranked from three "
    "seeds on. ref: reference without a rank (controls, the oracle, and the ceiling, which is the true form with all "
    "constants learned)."
)
DRIVE = "future drive"
DRIVE_LEGEND = (
    "Future drive: yes if the method is given the drive of the horizon; compare only rows with the same entry."
)
UNCERTAINTY = (
    "a ± b: mean over seeds with the half-width of Student's 95 % interval.\n"
    '"-": not applicable to the method, undefined, or missing because a seed failed.'
)


def legend(found: Sequence[Board], every: bool = True) -> str:
    """Return an explanation of the columns of these boards, a line for each family of scores.

    Args:
        found: the boards.
        every: True for all columns, False for those that tables show unless all are asked for.
    """
    shown = [c for board in found for table in board.tables for c in _columns(board, table, every)]
    families = dict.fromkeys(column.family for column in shown)
    drive = [DRIVE_LEGEND] if every and any(board.about_drive for board in found) else []
    ranked = [RANKS] if any(table.ranks for board in found for table in board.tables) else []
    return "\n".join(
        [
            *ranked,
            certificates.MEANING,
            *drive,
            *(LEGENDS[family] for family in families if family in LEGENDS),
            UNCERTAINTY,
        ]
    )


def show(score: Interval | None, decimals: int) -> str:
    """Return the text of a cell.

    The mean is rounded to its uncertainty, but keeps three digits or the column's decimals, whichever is shorter. It
    has the column's decimals where the uncertainty is not known.

    Args:
        score: mean and interval; None where missing.
        decimals: decimals of the column.
    """
    if score is None:
        return MISSING
    if abs(score.estimate) >= UNREADABLE:
        return f"{score.estimate:.0e}"
    width = score.half_width
    if not math.isfinite(width):
        return _fixed(score.estimate, decimals)
    if width < 0.5 * 10.0 ** -(decimals + 2):  # equal seeds
        return f"{_fixed(score.estimate, decimals)} ± 0"
    if width >= UNREADABLE:
        return f"{score.estimate:.0f} ± {width:.0e}"
    places = _places(width)
    kept = max(places, min(_three_digits(score.estimate), decimals))  # a wide interval hides no mean
    return f"{_fixed(score.estimate, kept)} ± {width:.{places}f}"


def _fixed(value: float, places: int) -> str:
    """A number with that many decimals, and no minus before a zero."""
    return f"{round(value, places) + 0.0:.{places}f}"


def _three_digits(value: float) -> int:
    """Decimals with which a number has three digits."""
    return max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0


def _places(width: float) -> int:
    """Decimals that keep one digit of the uncertainty, or two where the first is a 1."""
    exponent = math.floor(math.log10(width))
    leading = width / 10.0**exponent
    return max(0, -exponent + (1 if leading < 1.95 else 0))


def label(row: Row) -> str:
    """Return the method on one line, with the status of runs that failed."""
    return one_line(row.method if not row.failures else f"{row.method} ({', '.join(dict.fromkeys(row.failures))})")


def rank_of(row: Row, table: Table) -> str:
    """Return the rank of a method such as "2-4", "ref" for a reference, and "-" for what is not ranked."""
    if row.is_reference:
        return REFERENCE
    rank = table.ranks.get(row.method)
    return MISSING if rank is None else str(rank)


def future_drive(row: Row) -> str:
    """Return "yes" if the method is given the drive of the horizon, "no" if not, "-" if the task has no drive."""
    return {True: "yes", False: "no", None: MISSING}[row.future_drive]


def as_text(found: Sequence[Board], every: bool = False) -> str:
    """Return tables in a format of `tabulate`, each below its board's header and its task, with the legend at the end.

    Args:
        found: the boards.
        every: True to show all columns.
    """
    parts = []
    for board, why in zip(found, apart(found), strict=True):
        parts += [board.header.describe(), *([board.note] if board.note else [])]
        for table in board.tables:
            parts += [f"{heading(table)}\n\n{_grid(board, table, every, 'simple')}", *map(one_line, table.remarks)]
        parts += [one_line(why)] if why else []
    return "\n\n".join([*parts, legend(found, every)])


def as_markdown(found: Sequence[Board], every: bool = False) -> str:
    """Return tables for GitHub."""
    parts = []
    for board, why in zip(found, apart(found), strict=True):
        parts += [markdown(board.header.describe()), *([markdown(board.note)] if board.note else [])]
        for table in board.tables:
            grid = _grid(board, table, every, "github", markdown)
            parts += [f"**{markdown(heading(table))}**\n\n{grid}", *map(markdown, table.remarks)]
        parts += [markdown(why)] if why else []
    return "\n\n".join([*parts, legend(found, every).replace("\n", " ")])


def as_latex(found: Sequence[Board], every: bool = False) -> str:
    """Return `table*` environments for a document that loads booktabs and graphicx.

    Each has a caption (the task, what its rows have in common), a label from the task's name (`tab:zfish-tiny-driven`;
    a second table of a task ends in `-2`), and below the table what the columns are and what the rows are not
    comparable with.
    """
    tables: list[str] = []
    labels: Counter[str] = Counter()
    for board, why in zip(found, apart(found), strict=True):
        for table in board.tables:
            name = re.sub(r"[^a-z0-9]+", "-", table.task.lower()).strip("-")
            labels[name] += 1
            own = name if labels[name] == 1 else f"{name}-{labels[name]}"
            tables.append(_latex_table(board, table, every, f"tab:{own}", why))
    return "\n\n".join(tables)


def as_html(found: Sequence[Board], every: bool = False) -> str:
    """Return plain tables to paste into a page; `zfbench.leaderboard.site` makes a whole page."""
    parts = []
    for board, why in zip(found, apart(found), strict=True):
        parts += [f"<p>{html.escape(text)}</p>" for text in (board.header.describe(), board.note) if text]
        for table in board.tables:
            parts += [f"<h3>{html.escape(heading(table))}</h3>", _grid(board, table, every, "html")]
            parts += [f"<p>{html.escape(one_line(remark))}</p>" for remark in table.remarks]
        parts += [f"<p>{html.escape(one_line(why))}</p>"] if why else []
    return "\n".join([*parts, f"<p>{html.escape(legend(found, every))}</p>"])


TABLES: dict[str, Callable[[Sequence[Board], bool], str]] = {
    "text": as_text,
    "markdown": as_markdown,
    "latex": as_latex,
    "html": as_html,
}
FORMATS = (*TABLES, "csv", "json")


def written(found: Sequence[Board], style: str, every: bool = False) -> str:
    """Return boards in one of the `FORMATS`.

    Args:
        found: the boards.
        style: name of the format.
        every: True to show all columns of tables; CSV and JSON always hold all.
    """
    return "".join(pieces(found, style, every))


def pieces(found: Sequence[Board], style: str, every: bool = False) -> Iterable[str]:
    """Return `written` in pieces, to be written one after the other: one for each row of JSON, else a single one.

    Args:
        found: the boards.
        style: name of the format.
        every: True to show all columns of tables.
    """
    if style == "json":
        return json_pieces(found)
    return [as_csv(found) if style == "csv" else TABLES[style](found, every)]


def heading(table: Table) -> str:
    """Return the heading of a table: its task, how many seeds its rows have, and whether its loss sees the truth."""
    return one_line(f"{table.task} · {table.seeds} · {certificates.words(table.task, table.data_sha256)}")


def _grid(board: Board, table: Table, every: bool, style: str, escape: Callable[[str], str] = one_line) -> str:
    columns = _columns(board, table, every)
    drive = every and board.about_drive
    headings = ["rank"] * bool(table.ranks) + ["method"] + ["kind"] * every + [DRIVE] * drive + ["seeds"] * every
    cells = []
    for row in table.rows:
        about = [row.kind, *[future_drive(row)] * drive, row.seeds] if every else []
        rank = [rank_of(row, table)] if table.ranks else []
        scores = [show(row.scores.get(column.score), column.decimals) for column in columns]
        cells.append([*rank, escape(label(row)), *about, *scores])
    names = [*headings, *(escape(column.heading) for column in columns)]
    return tabulate(cells, names, tablefmt=style, disable_numparse=True, stralign="right")


def _columns(board: Board, table: Table, every: bool) -> tuple[Column, ...]:
    return board.columns if every else table.main_columns(board.columns)


def _latex_table(board: Board, table: Table, every: bool, label: str, why: str) -> str:
    body = _grid(board, table, every, "latex_booktabs").replace("±", r"$\pm$")
    texts = (heading(table), board.header.describe(), board.note, *table.remarks)
    caption = latex(" · ".join(text for text in texts if text))
    own = Board(board.header, table.rows)
    about = " ".join(latex(line) for line in [*legend([own], every).split("\n"), why] if line)
    return (
        "% \\usepackage{booktabs,graphicx}\n\\begin{table*}\n\\centering\n\\resizebox{\\textwidth}{!}{%\n"
        f"{body}}}\n\\caption{{{caption}}}\n\\label{{{label}}}\n"
        f"\\begin{{minipage}}{{\\textwidth}}\\footnotesize {about}\\end{{minipage}}\n\\end{{table*}}"
    )
