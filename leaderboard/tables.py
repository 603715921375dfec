"""Boards as text, Markdown, LaTeX, CSV, JSON and HTML. A score that is not applicable is "-", never zero."""

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
UNREADABLE = 1e6  # an unstable model's errors: shown by their order of magnitude


LEGENDS = {  # what the columns of a family of scores mean
    "forecast": "MAE: mean absolute error of 256 ms forecasts (ID: training conditions, OOD: the held-out one). "
    "Skill: 1 - MAE / MAE of the last value.",
    "connectivity": "AP lift: average precision of the recovered wiring, 0 = chance, 1 = perfect; in mask: among the "
    "pairs that the group wiring allows. Sign acc.: share of true edges with the right sign.",
    "dynamics": "Impulse error: of the response to a kick, relative to the true one, 1 = no response predicted.",
    "intervention": "Interv. error: of the effect of holding a neuron, relative to the true one, 1 = none predicted.",
    "likelihood": "Log p: log marginal likelihood of all observations in nats, held out or those selected on, mean of "
    "three fresh evaluations; MC error: of averaging over the prior; eval. sd: spread of the three. Optimism: what a "
    "search believed of its winner minus what is found afresh. Exact and surrogate error: of one held-out observation.",
    "population": "Target share: of the population, on the target model.",
}
LIMITS = ("updates", "seconds")  # fields of a board's header
DRIVE = "future drive"
DRIVE_LEGEND = "Future drive: whether the method is given the drive of the horizon; compare rows that agree in it."
UNCERTAINTY = (
    "a ± b: mean over seeds with the half-width of its 95 % interval (Student's below 10 seeds, else bootstrap).\n"
    '"-": not applicable to the method, undefined, or missing because a seed failed.'
)


def legend(found: Sequence[Board]) -> str:
    """What the columns of these boards mean, a line for each family of scores."""
    families = dict.fromkeys(column.family for board in found for column in board.columns)
    drive = [DRIVE_LEGEND] if any(board.about_drive for board in found) else []
    return "\n".join([*drive, *(LEGENDS[family] for family in families if family in LEGENDS), UNCERTAINTY])


def show(score: Interval | None, decimals: int) -> str:
    """A cell: rounded to its uncertainty where that is known, else to the column's decimals."""
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
    """The method, with what went wrong."""
    return row.method if not row.failures else f"{row.method} ({', '.join(dict.fromkeys(row.failures))})"


def future_drive(row: Row) -> str:
    """Whether the method is given the drive of the horizon, for people."""
    return {True: "yes", False: "no", None: MISSING}[row.future_drive]


def frame(board: Board) -> pd.DataFrame:
    """A board as numbers: a row per method; mean, low and high of the score of every column; NaN where missing."""
    import pandas as pd

    return pd.DataFrame.from_records(_records(board))


def as_text(found: Sequence[Board], style: str = "simple") -> str:
    """Tables in a format of `tabulate`, each below its header, with the legend at the end."""
    return "\n\n".join([*(f"{b.header.describe()}\n\n{_grid(b, style)}" for b in found), legend(found)])


def as_markdown(found: Sequence[Board]) -> str:
    """Tables for GitHub."""
    notes = legend(found).replace("\n", " ")
    return "\n\n".join([*(f"{b.header.describe()}\n\n{_grid(b, 'github')}" for b in found), notes])


def as_latex(found: Sequence[Board]) -> str:
    """`table*` environments for a document that loads booktabs and graphicx."""
    return "\n\n".join(_latex_table(b) for b in found)


def as_csv(found: Sequence[Board]) -> str:
    """One CSV of all boards at full precision; the header's fields are columns, its limits `limit:updates` and such."""
    import pandas as pd

    records = [record | _header_columns(board) for board in found for record in _records(board)]
    return pd.DataFrame.from_records(records).to_csv(index=False)


def _header_columns(board: Board) -> dict[str, object]:
    """What all rows of a board share; a limit of seconds is not the seconds that a row took."""
    return {f"limit:{name}" if name in LIMITS else name: v for name, v in board.header.to_json().items()}


def as_json(found: Sequence[Board]) -> str:
    """Every score of every row, also those without a column."""
    return json.dumps([_board_json(b) for b in found], indent=1, allow_nan=False)


def as_html(found: Sequence[Board]) -> str:
    """Plain tables to paste into a page; `zfbench.leaderboard.site` makes a whole one."""
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
