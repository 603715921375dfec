"""The columns of the tables: the scores that are shown, their order, and which direction is better.

A board shows the columns of scores that some run has, so tasks with other scores have other columns. Scores of a family
without columns here, for example of another package's task, are shown with their own names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from zfbench.records.result import Result

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
    Column("ID MAE", "forecast/id/mae", 4, "lower"),
    Column("OOD MAE", "forecast/ood/mae", 4, "lower"),
    Column("ID skill", "forecast/id/skill_last_value", 2, "higher"),
    Column("OOD skill", "forecast/ood/skill_last_value", 2, "higher"),
    Column("AP lift", "connectivity/wiring/lift", 2, "higher"),
    Column("AP lift in mask", "connectivity/wiring/in_mask/lift", 2, "higher"),
    Column("sign acc.", "connectivity/wiring/sign_accuracy", 2, "higher"),
    Column("impulse error", "dynamics/impulse/error", 2, "lower"),
    Column("interv. error", "intervention/error", 2, "lower"),
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

RANKED_BY = ("forecast/ood/mae", "likelihood/log_marginal", "population/target_share")  # the first one that a row has


def columns_of(runs: Iterable[Result]) -> tuple[Column, ...]:
    """Return the columns of a table of these runs; at least that of the time."""
    scores = dict.fromkeys(name for run in runs for name in run.metrics)
    known = {column.family for column in COLUMNS}
    own = [Column(" ".join(s.split("/")), s, 3, "") for s in scores if s.split("/")[0] not in known]
    shown = [column for column in COLUMNS if column.score in scores]
    return (*shown, *own, *(column for column in COLUMNS if column.score == TIME))


def rank(scores: dict[str, float]) -> tuple[int, float]:
    """Return a sorting key by the main score of a board: best rows first, and rows without the score last."""
    for position, name in enumerate(RANKED_BY):
        if name in scores:
            (column,) = (c for c in COLUMNS if c.score == name)
            return position, scores[name] if column.better == "lower" else -scores[name]
    return len(RANKED_BY), 0.0
