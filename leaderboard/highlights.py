"""The few rows and scores that the README shows: some methods of two tracks, between knowing nothing and the truth.

Every score shown is 0 for a method that knows nothing of what it measures and 1 for the true circuit. Results with
headline scores show these; older ones show the scores that come closest to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zfbench.leaderboard import certificates
from zfbench.leaderboard.board import Board, Row
from zfbench.leaderboard.statistics import Interval

BEST_SEARCH = "the best search"  # stands for the name of the search with the best main score
ROWS = {  # of each track, the first `LIMIT` that there are
    "driven": (
        "oracle",
        "ceiling",
        BEST_SEARCH,
        "best_of_n",
        "neuron_leaky_sigmoid",
        "driven_mlp_bounded",
        "driven_mlp",
        "linear",
    ),
    "masked": ("oracle", "ceiling", BEST_SEARCH, "masked_leaky_sigmoid", "masked_mlp", "linear"),
}
LIMIT = 5
REFERENCES = ("oracle", "ceiling")  # rows that no method competes with


@dataclass(frozen=True)
class Shown:
    """A score that is shown.

    Attributes:
        heading: heading of its column.
        names: names of the score, of which a row shows the first that it has.
        zero: value of the score that is shown as 0, of a method that knows nothing.
        one: value of the score that is shown as 1, of the true circuit.
    """

    heading: str
    names: tuple[str, ...]
    zero: float = 0.0
    one: float = 1.0

    def of(self, row: Row) -> Interval | None:
        """Return the mean over seeds with its interval, or None if the row has no such score."""
        found = next((row.scores[name] for name in self.names if name in row.scores), None)
        if found is None:
            return None
        estimate, *bounds = ((x - self.zero) / (self.one - self.zero) for x in (found.estimate, found.low, found.high))
        return Interval(estimate, min(bounds), max(bounds), found.n)


HEADLINES = tuple(Shown(part, (f"headline/{part}",)) for part in ("generalisation", "wiring", "responses", "mean"))
FORERUNNERS = (
    Shown("familiar stimuli", ("forecast/id/skill_last_value",)),
    Shown("held-out stimulus", ("forecast/ood/skill_last_value",)),
    Shown("wiring", ("connectivity/wiring/lift", "connectivity/wiring/in_mask/lift")),
    Shown("responses", ("dynamics/impulse/error",), zero=1.0, one=0.0),
)

SIX_HEADLINES = (*HEADLINES, *FORERUNNERS[:2])  # what a command prints of one result
SIX_FORERUNNERS = (
    *FORERUNNERS[:3],
    Shown("signs", ("connectivity/wiring/sign_accuracy",), zero=0.5),
    FORERUNNERS[3],
    Shown("interventions", ("intervention/error",), zero=1.0, one=0.0),
)


@dataclass(frozen=True)
class Highlights:
    """The rows and scores that are shown.

    Attributes:
        scores: the scores.
        main: the score that chooses the best search.
        rows: the rows, by track.
        header: one sentence on what all rows share.
    """

    scores: tuple[Shown, ...]
    main: Shown
    rows: dict[str, tuple[Row, ...]]
    header: str


def highlights(found: Sequence[Board]) -> Highlights:
    """Choose rows and scores of the board with the most rows of the newest version of the benchmark."""
    board = max(found, key=lambda board: (board.header.benchmark_version, len(board.rows)))
    new = any(name.startswith("headline/") for row in board.rows for name in row.scores)
    scores, main = (HEADLINES, HEADLINES[-1]) if new else (FORERUNNERS, FORERUNNERS[1])
    rows = {track: _choose(board, track, wanted, main) for track, wanted in ROWS.items()}
    rows = {track: own for track, own in rows.items() if own}
    shown = {own[0].task: certificates.words(own[0].task, board.header.data_sha256) for own in rows.values()}
    header = " · ".join([board.header.describe(), *(f"{task}, {verdict}" for task, verdict in shown.items())])
    return Highlights(scores, main, rows, header)


def _choose(board: Board, track: str, wanted: Sequence[str], main: Shown) -> tuple[Row, ...]:
    """The wanted rows of a track that there are, the best search among them by its own name, none twice.

    A search must have half as many seeds as the row that has the most, so that its interval can stand beside theirs.
    """
    there = [row for row in board.rows if row.track == track]
    fewest = max((len(row.runs) for row in there), default=0) / 2
    searches = [row for row in there if row.kind == "search" and len(row.runs) >= fewest and main.of(row) is not None]
    best = max(searches, key=lambda row: _estimate(main, row), default=None)
    chosen: list[Row] = []
    for name in wanted:
        named = [row for row in there if row.runs[0].method.name == name]
        chosen += [row for row in ([best] if name == BEST_SEARCH and best else named) if row not in chosen]
    return tuple(chosen[:LIMIT])


def _estimate(score: Shown, row: Row) -> float:
    interval = score.of(row)
    assert interval is not None
    return interval.estimate


def as_markdown(shown: Highlights) -> str:
    """Return a table with a row for each method; the best method of a track is bold in each column."""
    headings = ("track", "method", "kind", *(score.heading for score in shown.scores))
    lines = ["| " + " | ".join(headings) + " |", "|---|---|---|" + "--:|" * len(shown.scores)]
    for track, rows in shown.rows.items():
        best = {score: _best(score, rows) for score in shown.scores}
        for row in rows:
            cells = [_cell(score.of(row), row is best[score]) for score in shown.scores]
            lines.append("| " + " | ".join((track, f"`{row.method}`", row.kind, *cells)) + " |")
    return "\n".join(lines) + f"\n\n{_caption(shown)}"


def _best(score: Shown, rows: Sequence[Row]) -> Row | None:
    competing = [row for row in rows if row.runs[0].method.name not in REFERENCES and score.of(row) is not None]
    return max(competing, key=lambda row: _estimate(score, row), default=None)


def _cell(interval: Interval | None, best: bool) -> str:
    if interval is None:
        return "-"
    return f"**{written(interval)}**" if best else written(interval)


def written(interval: Interval) -> str:
    """Return a score as text, with the half-width of its interval if it is of several seeds."""
    text = f"{interval.estimate:.2f}".replace("-0.00", "0.00")
    return text + (f" ± {interval.half_width:.2f}" if interval.n > 1 else "")


def _caption(shown: Highlights) -> str:
    meaning = (
        "Each score is 0 at its control and 1 at the true circuit."
        if shown.scores is HEADLINES
        else "Each score is 0 for a method that knows nothing (the last value, chance, no response) and 1 for the true "
        "circuit: skill of forecasts, average precision of the recovered wiring (masked: within the published wiring "
        "of groups), 1 - error of impulse responses."
    )
    return (
        f"{meaning} Mean over seeds ± half-width of the 95 % interval; bold: the highest mean shown, whether or not it "
        "differs from the next. Seeds are those of trainings and searches: the intervals say nothing about other "
        f"circuits, recordings or held-out stimuli, of which there is one each. {shown.header}."
    )
