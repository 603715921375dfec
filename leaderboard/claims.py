"""Claims as files: which comparisons of results support or refute a published sentence.

A claim is a TOML file; each of its tests compares two methods (or a method with a number) seed by seed:

    id = "mask-restores-ood"
    source = "..."
    text = "..."
    margin_reason = "..."              # why these margins; needed where a test has one
    margin_seeds = [0]                 # seeds whose results were seen when a margin was chosen: they do not test it

    [[tests]]
    left = {method = "masked_mlp", task = "zfish-tiny/masked"}
    right = {method = "masked_mlp", task = "zfish-tiny/driven"}     # or a number
    metric = "forecast/ood/mae"        # `left` and `right` may name a metric of their own
    relative_to = "forecast/id/mae"    # optional: compare gaps, each run's metric relative to this one
    relation = "lower"                 # higher | lower | comparable
    effect = 0.1                       # margin, in units of a score; of errors in their log ratio (0.1: by 10 %)
    confidence = 0.95
    seeds = 10                         # with fewer matched seeds it stays undecided
    must_support = {left = 1.5, right = 4.0}     # outcomes that have to support the test,
    must_refute = {left = 4.0, right = 4.0}      # and that have to refute it; or the name of a control

`zfbench.leaderboard.verdicts` decides them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from zfbench.base.errors import ZfbenchError
from zfbench.base.files import is_folder
from zfbench.base.toml import read_toml
from zfbench.leaderboard.outcomes import is_error
from zfbench.records.result import MethodRecord, Result, SearchOptions, Strict


class Side(Strict):
    """One side of a comparison: a method on a task.

    Attributes:
        method, task: names of the method and the task.
        proposer: proposer of a search; None for any.
        settings: settings of the method that its runs must have; they may have others too. An empty table: none.
        proposer_settings: the same of the proposer.
        budget, finalists, patience, ideas: options of a search, as in
            `zfbench.records.result.SearchOptions`; None for any.
        metric: name of the metric, if it is not the test's.
    """

    method: str
    task: str
    proposer: str | None = None
    settings: dict[str, object] | None = None
    proposer_settings: dict[str, object] | None = None
    budget: dict[str, float] | None = None
    finalists: int | None = None
    patience: int | None = None
    ideas: tuple[str, ...] | None = None
    metric: str | None = None

    def describe(self) -> str:
        """Return a description for people."""
        settings = [*(self.settings or {}).items(), *(self.proposer_settings or {}).items()]
        settings += [(name, value) for name, value in self.options().items() if name != "budget"]
        own = f" ({', '.join(f'{k}={v}' for k, v in settings)})" if settings else ""
        return f"{self.method}{f' + {self.proposer}' if self.proposer else ''}{own} on {self.task}"

    def includes(self, result: Result) -> bool:
        """Return True if a result is a run of this side."""
        return self.matches(result.task.name, result.method, result.search)

    def options(self) -> dict[str, Any]:
        """Return the options of a search that the side demands, by their names in `SearchOptions`."""
        return {name: value for name in SearchOptions.model_fields if (value := getattr(self, name)) is not None}

    def is_like(self, other: Side) -> bool:
        """Return True if another side has the same runs, whatever its metric."""
        return self.model_copy(update={"metric": None}) == other.model_copy(update={"metric": None})

    def matches(self, task: str, method: MethodRecord, search: SearchOptions | None) -> bool:
        """Return True if a run, done or only planned, is one of this side.

        Args:
            task: name of the task.
            method: record of the method.
            search: options of a search; None for any other method.
        """
        given = {} if search is None else dict(search)
        return (
            task == self.task
            and method.name == self.method
            and self.proposer in (None, method.proposer)
            and all(given.get(name) == value for name, value in self.options().items())
            and _have(method.settings, self.settings)
            and _have(method.proposer_settings, self.proposer_settings)
        )


def _have(settings: Mapping[str, object], wanted: Mapping[str, object] | None) -> bool:
    """Whether settings are the wanted ones and others; none at all if the wanted ones are an empty table."""
    if wanted is None:
        return True
    return all(settings.get(name) == value for name, value in wanted.items()) if wanted else not settings


class StandIn(Strict):
    """Outcomes put in the place of a test's sides, to see that the test can be won and lost.

    Attributes:
        left, right: the outcome of every seed (an error itself, not its logarithm; with `relative_to` the ratio or the
            difference); or the name of a control, whose result on the side's task takes the place; None for the side's
            own results.
    """

    left: float | str | None = None
    right: float | str | None = None


class Comparison(Strict):
    """One comparison of two methods, or of a method with a number; the module's example shows the fields.

    Ten seeds are the default since the outcomes of searches are bimodal: they find a good program or they do not, and
    Student's interval of few such outcomes covers less than it promises.
    """

    left: Side
    right: Side | float
    metric: str
    relative_to: str | None = None
    relation: Literal["higher", "lower", "comparable"]
    effect: float = Field(ge=0)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    seeds: int = Field(default=10, ge=2)
    must_support: StandIn | None = None
    must_refute: StandIn | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Comparison:
        kinds = {is_error(name) for name in self.metrics()}
        if len(kinds) > 1:
            raise ValueError("an error can be compared with errors only, and a score with scores")
        if self.relation == "comparable" and self.effect == 0:
            raise ValueError("'comparable' needs a margin (effect) above 0")
        return self

    def metrics(self) -> tuple[str, ...]:
        """Return the names of all metrics that it reads."""
        sides = [side.metric for side in (self.left, self.right) if isinstance(side, Side)]
        return tuple(dict.fromkeys(name for name in (self.metric, self.relative_to, *sides) if name))

    def describe(self) -> str:
        """Return a description for people."""
        right = self.right.describe() if isinstance(self.right, Side) else f"{self.right:g}"
        words = {"higher": "above", "lower": "below", "comparable": "within"}[self.relation]
        other = f" ({self.right.metric})" if isinstance(self.right, Side) and self.right.metric else ""
        unit = " of the log ratio" if is_error(self.metric) else ""
        margin = f"by more than {self.effect:g}" if self.relation != "comparable" else f"plus or minus {self.effect:g}"
        measured = f"{self.metric} relative to {self.relative_to}" if self.relative_to else self.metric
        return f"{measured}: {self.left.describe()} {words} {right}{other} {margin}{unit if self.effect else ''}"


class Claim(Strict):
    """A published claim, and the comparisons that decide it.

    Attributes:
        id, source, text: name of the claim, where it is made, and its sentence.
        tests: the comparisons; all of them have to be supported.
        margin_reason: the reason for the margins of the tests; required if one is above 0.
        margin_seeds: seeds whose results were seen when a margin was chosen; they are left out of every test.
        command: the command that measures the missing runs if neither a suite nor a search does; RESULTS in it stands
            for the folder of results that is checked.
    """

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    source: str = Field(min_length=1)
    text: str = Field(min_length=1)
    tests: tuple[Comparison, ...] = Field(min_length=1)
    margin_reason: str = ""
    margin_seeds: tuple[int, ...] = ()
    command: str = ""

    @model_validator(mode="after")
    def _has_a_reason(self) -> Claim:
        if any(test.effect > 0 for test in self.tests) and not self.margin_reason:
            raise ValueError("a margin (effect) above 0 needs its reason: add margin_reason")
        return self


def read_claim(path: Path) -> Claim:
    """Read the file of a claim.

    Raises:
        ZfbenchError: the file cannot be read, or a field is wrong; the sentence names it.
    """
    return read_toml(path, "claim", Claim)


def read_claims(folder: Path) -> list[Claim]:
    """Read all claims of a folder, in order of file name.

    Raises:
        ZfbenchError: there are none, one is wrong, or two have the same id.
    """
    claims = [read_claim(path) for path in (sorted(folder.glob("*.toml")) if is_folder(folder) else ())]
    if not claims:
        raise ZfbenchError(f"There are no claims (*.toml) in {folder}; check the path.")
    ids = [claim.id for claim in claims]
    for name in ids:
        if ids.count(name) > 1:
            raise ZfbenchError(f"Two claims in {folder} have the id '{name}'; rename one.")
    return claims
