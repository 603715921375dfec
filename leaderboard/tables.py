"""Boards as text, Markdown, LaTeX, CSV and JSON. What a method cannot be asked is "-", never zero."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tabulate import tabulate

from leaderboard.board import TIME, Board, Row
from leaderboard.statistics import Interval

if TYPE_CHECKING:
    import pandas as pd

MISSING = "-"
UNREADABLE = 1e4  # an unstable model's errors: shown by their order of magnitude


@dataclass(frozen=True)
class Column:
    """A column of the tables.

    Attributes:
        heading: what people read.
        score: name of the score.
        decimals: shown where one seed says nothing of the uncertainty.
        better: the direction that is better.
    """

    heading: str
    score: str
    decimals: int
    better: str


COLUMNS = (
    Column("ID MAE", "forecast/id/mae", 4, "lower"),
    Column("OOD MAE", "forecast/ood/mae", 4, "lower"),
    Column("ID skill", "forecast/id/skill_last_value", 2, "higher"),
    Column("OOD skill", "forecast/ood/skill_last_value", 2, "higher"),
    Column("AP lift", "connectivity/wiring/lift", 2, "higher"),
    Column("AP lift in mask", "connectivity/wiring/in_mask/lift", 2, "higher"),
    Column("sign acc.", "connectivity/wiring/sign_accuracy", 2, "higher"),
    Column("impulse error", "dynamics/impulse/error", 2, "lower"),
    Column("interv. error", "intervention/error", 2, "lower"),
    Column("time s", TIME, 0, "lower"),
)

LIKELIHOOD_COLUMNS = (
    Column("log p held out", "likelihood/log_marginal", 1, "higher"),
    Column("MC error", "likelihood/log_marginal_se", 1, "lower"),
    Column("log p selection", "likelihood/log_marginal_selection", 1, "higher"),
    Column("eval. sd", "likelihood/evaluation_sd", 1, "lower"),
    Column("optimism", "likelihood/optimism", 1, "lower"),
    Column("exact log p each", "likelihood/exact_per_observation", 2, "higher"),
    Column("surrogate error each", "likelihood/surrogate_error_per_observation", 2, "lower"),
    Column("time s", TIME, 0, "lower"),
)

LIKELIHOOD_LEGEND = (
    "log p: log marginal likelihood of all observations in nats, held out or those selected on, mean of three fresh\n"
    "evaluations; MC error: of averaging over the prior; eval. sd: spread of the three. Optimism: what a search\n"
    "believed of its winner minus what is found afresh. Exact and surrogate error: of one held-out observation."
)

LEGEND = (
    "MAE: mean absolute error of 256 ms forecasts (ID: training conditions, OOD: the held-out one).\n"
    "Skill: 1 - MAE / MAE of the last value. Sign acc.: share of true edges with the right sign.\n"
    "AP lift: average precision of the recovered wiring, 0 = chance, 1 = perfect; in mask: among the pairs that the\n"
    "group wiring allows. Impulse and intervention error: relative to the true effect, 1 = no effect predicted.\n"
    "a ± b: mean over seeds with the half-width of its 95 % interval (Student's below 10 seeds, else bootstrap).\n"
    '"-": the method cannot be asked, the score is undefined, or a seed failed.'
)


def columns(board: Board) -> tuple[Column, ...]:
    """The columns of a board: those of simulators where a row has such a score, else those of recordings."""
    simulators = any(c.score in row.scores for row in board.rows for c in LIKELIHOOD_COLUMNS if c.score != TIME)
    return LIKELIHOOD_COLUMNS if simulators else COLUMNS


def legend(found: Sequence[Board]) -> str:
    """What the columns of these boards mean."""
    shown = {columns(board) for board in found}
    legends = {LIKELIHOOD_COLUMNS: LIKELIHOOD_LEGEND, COLUMNS: LEGEND}
    return "\n".join(text for kind, text in legends.items() if kind in shown)


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


def frame(board: Board) -> pd.DataFrame:
    """A board as numbers: a row per method; mean, low and high of every score of its columns; NaN where missing."""
    import pandas as pd

    records = []
    for row in board.rows:
        record: dict[str, object] = {
            "task": row.task,
            "track": row.track,
            "method": row.method,
            "kind": row.kind,
            "seeds": len(row.runs),
            "failed": len(row.failures),
        }
        for column in columns(board):
            score = row.scores.get(column.score)
            record[column.score] = None if score is None else score.estimate
            for bound in ("low", "high"):
                value = None if score is None else getattr(score, bound)
                record[f"{column.score}:{bound}"] = value if value is not None and math.isfinite(value) else None
        records.append(record)
    return pd.DataFrame.from_records(records)


def as_text(found: Sequence[Board], style: str = "simple") -> str:
    """Tables in a format of `tabulate`, each below its header, with the legend at the end."""
    return "\n\n".join([*(f"{b.header.describe()}\n\n{_grid(b, style)}" for b in found), legend(found)])


def as_markdown(found: Sequence[Board]) -> str:
    """Tables for GitHub."""
    below = legend(found).replace("\n", " ")
    return "\n\n".join([*(f"{b.header.describe()}\n\n{_grid(b, 'github')}" for b in found), below])


def as_latex(found: Sequence[Board]) -> str:
    """`table*` environments for a document that loads booktabs and graphicx."""
    return "\n\n".join(_latex_table(b) for b in found)


def as_csv(found: Sequence[Board]) -> str:
    """One CSV of all boards at full precision; the header's fields are columns."""
    import pandas as pd

    return pd.concat([frame(b).assign(**b.header.to_json()) for b in found]).to_csv(index=False)


def as_json(found: Sequence[Board]) -> str:
    """Every score of every row, also those without a column."""
    return json.dumps([_board_json(b) for b in found], indent=1, allow_nan=False)


FORMATS: dict[str, Callable[[Sequence[Board]], str]] = {
    "text": as_text,
    "markdown": as_markdown,
    "latex": as_latex,
    "csv": as_csv,
    "json": as_json,
}


def _grid(board: Board, style: str) -> str:
    shown = columns(board)
    cells = [
        [row.track, label(row), row.kind, row.seeds, *(show(row.scores.get(c.score), c.decimals) for c in shown)]
        for row in board.rows
    ]
    headings = ["track", "method", "kind", "seeds", *(c.heading for c in shown)]
    return tabulate(cells, headings, tablefmt=style, disable_numparse=True, stralign="right")


def _latex_table(board: Board) -> str:
    body = _grid(board, "latex_booktabs").replace("±", r"$\pm$")
    caption = board.header.describe()
    for sign, escaped in (("_", r"\_"), ("%", r"\%"), ("{", r"\{"), ("}", r"\}"), ("·", r"$\cdot$")):
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
