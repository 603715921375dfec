"""Boards as text, Markdown, LaTeX, CSV, JSON and HTML; "-" stands for a score that is not applicable."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tabulate import tabulate

from zfbench.leaderboard.board import Board, Row
from zfbench.leaderboard.statistics import Interval

if TYPE_CHECKING:
    import pandas as pd

MISSING = "-"
UNREADABLE = 1e6  # larger errors, of unstable models, are shown by their order of magnitude


LEGENDS = {  # explanation of the columns of each family of scores
    "forecast": "MAE: mean absolute error of forecasts over 256 ms (ID: training conditions, OOD: the held-out "
    "condition). Skill: 1 - MAE / MAE of the last value.",
    "connectivity": "AP lift: average precision of the recovered wiring, scaled so that 0 is chance and 1 is perfect; "
    "in mask: among the pairs that the group wiring allows. Sign acc.: share of true edges with the correct sign.",
    "dynamics": "Impulse error: error of the responses to impulses, relative to the true responses; 1 for predicting "
    "no response.",
    "intervention": "Interv. error: error of the effects of clamping a neuron, relative to the true effects; 1 for "
    "predicting no effect.",
    "likelihood": "Log p: log marginal likelihood in nats of all observations that were held out or selected on, mean "
    "of three new evaluations; MC error: Monte Carlo error of the average over the prior; eval. sd: standard deviation "
    "of the three. Optimism: the search's evaluation of its winner minus that mean. Exact log p and surrogate error: "
    "for each held-out observation.",
    "population": "Target share: share of the population that is the target model.",
}
LIMITS = ("updates", "seconds")  # fields of a board's header
DRIVE = "future drive"
DRIVE_LEGEND = (
    "Future drive: yes if the method is given the drive of the horizon; compare only rows with the same entry."
)
UNCERTAINTY = (
    "a ± b: mean over seeds with the half-width of its 95 % interval (Student's for fewer than 10 seeds, else "
    "bootstrap).\n"
    '"-": not applicable to the method, undefined, or missing because a seed failed.'
)


def legend(found: Sequence[Board]) -> str:
    """Return an explanation of the columns of these boards, a line for each family of scores."""
    families = dict.fromkeys(column.family for board in found for column in board.columns)
    drive = [DRIVE_LEGEND] if any(board.about_drive for board in found) else []
    return "\n".join([*drive, *(LEGENDS[family] for family in families if family in LEGENDS), UNCERTAINTY])


def show(score: Interval | None, decimals: int) -> str:
    """Return the text of a cell: rounded to its uncertainty if that is known, else to the column's decimals."""
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
    return f"{_fixed(score.estimate, places)} ± {width:.{places}f}"


def _fixed(value: float, places: int) -> str:
    """A number with that many decimals, and no minus before a zero."""
    return f"{round(value, places) + 0.0:.{places}f}"


def _places(width: float) -> int:
    """Decimals that keep one digit of the uncertainty, or two where the first is a 1."""
    exponent = math.floor(math.log10(width))
    leading = width / 10.0**exponent
    return max(0, -exponent + (1 if leading < 1.95 else 0))


def label(row: Row) -> str:
    """Return the method, with the status of runs that failed."""
    return row.method if not row.failures else f"{row.method} ({', '.join(dict.fromkeys(row.failures))})"


def future_drive(row: Row) -> str:
    """Return "yes" if the method is given the drive of the horizon, "no" if not, "-" if the task has no drive."""
    return {True: "yes", False: "no", None: MISSING}[row.future_drive]


def frame(board: Board) -> pd.DataFrame:
    """Return a board as numbers: a row per method; mean, low and high of the score of every column.

    A missing score is NaN.
    """
    import pandas as pd

    return pd.DataFrame.from_records(_records(board))


def as_text(found: Sequence[Board], style: str = "simple") -> str:
    """Return tables in a format of `tabulate`, each below its header, with the legend at the end."""
    return "\n\n".join([*(f"{b.header.describe()}\n\n{_grid(b, style)}" for b in found), legend(found)])


def as_markdown(found: Sequence[Board]) -> str:
    """Return tables for GitHub."""
    notes = legend(found).replace("\n", " ")
    return "\n\n".join([*(f"{b.header.describe()}\n\n{_grid(b, 'github')}" for b in found), notes])


def as_latex(found: Sequence[Board]) -> str:
    """Return `table*` environments for a document that loads booktabs and graphicx."""
    return "\n\n".join(_latex_table(b) for b in found)


def as_csv(found: Sequence[Board]) -> str:
    """Return one CSV of all boards at full precision.

    The fields of the headers are columns; those of limits are named `limit:updates` and `limit:seconds`.
    """
    import pandas as pd

    records = [record | _header_columns(board) for board in found for record in _records(board)]
    return pd.DataFrame.from_records(records).to_csv(index=False)


def _header_columns(board: Board) -> dict[str, object]:
    """Return the properties that all rows of a board share; limits get a prefix, because a row has its own seconds."""
    return {f"limit:{name}" if name in LIMITS else name: v for name, v in board.header.to_json().items()}


def as_json(found: Sequence[Board]) -> str:
    """Return every score of every row, including those without a column, as JSON."""
    return json.dumps([_board_json(b) for b in found], indent=1, allow_nan=False)


def as_html(found: Sequence[Board]) -> str:
    """Return plain tables to paste into a page; `zfbench.leaderboard.site` makes a whole page."""
    parts = [f"<p>{html.escape(b.header.describe())}</p>\n{_grid(b, 'html')}" for b in found]
    return "\n".join([*parts, f"<p>{html.escape(legend(found))}</p>"])


FORMATS: dict[str, Callable[[Sequence[Board]], str]] = {
    "text": as_text,
    "markdown": as_markdown,
    "latex": as_latex,
    "csv": as_csv,
    "json": as_json,
    "html": as_html,
}


def _records(board: Board) -> list[dict[str, object]]:
    """The cells of `frame`; None where missing."""
    records = []
    for row in board.rows:
        record: dict[str, object] = {
            "task": row.task,
            "track": row.track,
            "method": row.method,
            "kind": row.kind,
            "future_drive": row.future_drive,
            "seeds": len(row.runs),
            "failed": len(row.failures),
        }
        for column in board.columns:
            score = row.scores.get(column.score)
            record[column.score] = None if score is None else score.estimate
            for bound in ("low", "high"):
                value = None if score is None else getattr(score, bound)
                record[f"{column.score}:{bound}"] = value if value is not None and math.isfinite(value) else None
        records.append(record)
    return records


def _grid(board: Board, style: str) -> str:
    cells = [
        [
            row.track or MISSING,
            label(row),
            row.kind,
            *([future_drive(row)] if board.about_drive else []),
            row.seeds,
            *(show(row.scores.get(c.score), c.decimals) for c in board.columns),
        ]
        for row in board.rows
    ]
    drive = [DRIVE] if board.about_drive else []
    headings = ["track", "method", "kind", *drive, "seeds", *(c.heading for c in board.columns)]
    return tabulate(cells, headings, tablefmt=style, disable_numparse=True, stralign="right")


def _latex_table(board: Board) -> str:
    body = _grid(board, "latex_booktabs").replace("±", r"$\pm$")
    caption = board.header.describe()
    for sign, escaped in (
        ("_", r"\_"),
        ("%", r"\%"),
        ("&", r"\&"),
        ("#", r"\#"),
        ("{", r"\{"),
        ("}", r"\}"),
        ("·", r"$\cdot$"),
    ):
        caption = caption.replace(sign, escaped)
    return (
        "% \\usepackage{booktabs,graphicx}\n\\begin{table*}\n\\centering\n\\resizebox{\\textwidth}{!}{%\n"
        f"{body}}}\n\\caption{{{caption}}}\n\\end{{table*}}"
    )


def _board_json(board: Board) -> dict[str, object]:
    return {
        "header": board.header.to_json(),
        "rows": [
            {
                "task": row.task,
                "track": row.track,
                "method": row.method,
                "kind": row.kind,
                "future_drive": row.future_drive,
                "seeds": [run.seed for run in row.runs],
                "failures": row.failures,
                "scores": {
                    name: {
                        "mean": score.estimate,
                        "low": score.low if math.isfinite(score.low) else None,
                        "high": score.high if math.isfinite(score.high) else None,
                        "n": score.n,
                    }
                    for name, score in row.scores.items()
                },
            }
            for row in board.rows
        ],
    }
