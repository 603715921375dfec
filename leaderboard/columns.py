"""The columns of the tables: the scores that are shown, their order, and which direction is better.

A board has the columns of scores that some run has, so tasks with other scores have other columns. Scores of a family
without columns here, for example of another package's task, are shown with their own names. A table shows a few main
columns unless all are asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from zfbench.records.result import Result

HEADLINE = "headline/mean"  # the score that methods are ranked by
TABLE_SHARE = "source/table_share"
TIME = "seconds"  # the only column that is not a metric: time of fit and judging together


@dataclass(frozen=True)
class Column:
    """A column of the tables.

    Attributes:
        heading: heading of the column.
        score: name of the score, which begins with its family and a slash.
        decimals: number of decimals if the uncertainty is unknown, because there is one seed only.
        better: the better direction, `lower` or `higher`; empty if it is unknown.
    """

    heading: str
    score: str
    decimals: int
    better: str

    @property
    def family(self) -> str:
        """The family of its score."""
        return self.score.split("/")[0]

    @property
    def direction(self) -> str:
        """The better direction for people, such as "lower is better"."""
        return f"{self.better} is better" if self.better else "no direction is stated"


COLUMNS = (
    Column("generalisation", "headline/generalisation", 2, "higher"),
    Column("wiring", "headline/wiring", 2, "higher"),
    Column("responses", "headline/responses", 2, "higher"),
    Column("mean", HEADLINE, 2, "higher"),
    Column("ID MAE", "forecast/id/mae", 4, "lower"),
    Column("OOD MAE", "forecast/ood/mae", 4, "lower"),
    Column("ID skill", "forecast/id/skill_last_value", 2, "higher"),
    Column("OOD skill", "forecast/ood/skill_last_value", 2, "higher"),
    Column("AP lift", "connectivity/wiring/lift", 2, "higher"),
    Column("AP lift in mask", "connectivity/wiring/in_mask/lift", 2, "higher"),
    Column("cross AP lift", "connectivity/cross/lift", 2, "higher"),
    Column("balanced signs", "connectivity/cross/balanced_sign_accuracy", 2, "higher"),
    Column("sign acc.", "connectivity/wiring/sign_accuracy", 2, "higher"),
    Column("impulse error", "dynamics/impulse/error", 2, "lower"),
    Column("cross impulse error", "dynamics/impulse/cross/error", 2, "lower"),
    Column("interv. error", "intervention/error", 2, "lower"),
    Column("cross interv. error", "intervention/cross/error", 2, "lower"),
    Column("table share", TABLE_SHARE, 2, "lower"),
    Column("log p held out", "likelihood/log_marginal", 1, "higher"),
    Column("MC error", "likelihood/log_marginal_se", 1, "lower"),
    Column("log p selection", "likelihood/log_marginal_selection", 1, "higher"),
    Column("eval. sd", "likelihood/evaluation_sd", 1, "lower"),
    Column("optimism", "likelihood/optimism", 1, "lower"),
    Column("exact log p each", "likelihood/exact_per_observation", 2, "higher"),
    Column("surrogate error each", "likelihood/surrogate_error_per_observation", 2, ""),
    Column("target share", "population/target_share", 2, "higher"),
    Column("time s", TIME, 0, "lower"),
)

MAIN = (  # the columns that a table shows: those of the first line of which it has the first score
    (HEADLINE, "headline/generalisation", "headline/wiring", "headline/responses", "forecast/ood/mae"),
    (
        "connectivity/wiring/in_mask/lift",
        "connectivity/wiring/sign_accuracy",
        "dynamics/impulse/error",
        "forecast/id/mae",
        "forecast/ood/mae",
        "forecast/ood/skill_last_value",
    ),
    ("forecast/ood/mae", "forecast/id/mae", "forecast/id/skill_last_value", "forecast/ood/skill_last_value"),
)
MOST = 6  # columns of a table beside rank and method, unless all are asked for

RANKED_BY = (HEADLINE, "forecast/ood/mae", "likelihood/log_marginal", "population/target_share")  # the first it has


def columns_of(runs: Iterable[Result]) -> tuple[Column, ...]:
    """Return the columns of a table of these runs; at least that of the time."""
    scores = dict.fromkeys(name for run in runs for name in run.metrics)
    known = {column.family for column in COLUMNS}
    own = [Column(" ".join(s.split("/")), s, 3, "") for s in scores if s.split("/")[0] not in known]
    shown = [column for column in COLUMNS if column.score in scores]
    return (*shown, *own, *(column for column in COLUMNS if column.score == TIME))


def main_columns(columns: Sequence[Column], scores: Collection[str], track: str) -> tuple[Column, ...]:
    """Return the few columns that a table shows unless all are asked for.

    Args:
        columns: all columns of its board.
        scores: names of the scores that some row of the table has.
        track: the track of its task; in `autonomous`, without the drive, only forecasts are shown.
    """
    lines = [line for line in MAIN if track != "autonomous" or all(name.startswith("forecast/") for name in line)]
    chosen = next((line for line in lines if line[0] in scores), None)
    shown = [c for c in columns if c.score in scores and (c.score in chosen if chosen else c.score != TIME)]
    return tuple(shown[:MOST])


def sorting_key(scores: dict[str, float]) -> tuple[int, float]:
    """Return a key that sorts the rows of a task by their main score: best first, and rows without the score last."""
    for position, name in enumerate(RANKED_BY):
        if name in scores:
            (column,) = (c for c in COLUMNS if c.score == name)
            return position, scores[name] if column.better == "lower" else -scores[name]
    return len(RANKED_BY), 0.0
