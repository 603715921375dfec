"""The certificate of a task: the rank of the truth, the signal of each true feature, and a verdict, from losses.

A training that failed has no loss and ranks last.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from zfbench.protocols.contenders import Contender, Scale

IDENTIFYING = 0.9  # share of the replicates in which the truth must be first
BEST = 0.05  # share of the programs within which the truth's median rank must lie for "partly"

Verdict = Literal["identifying", "partly", "not identifying"]
Losses = Mapping[Contender, Sequence[float | None]]  # by replicate


@dataclass(frozen=True)
class Signal:
    """By how much a true feature lowers the logarithm of the loss, or a loss in nats, paired by replicate.

    Attributes:
        mean: over the replicates in which both programs worked; positive if the feature helps. None if there is none.
        noise: standard deviation over the same replicates; None for fewer than two.
    """

    mean: float | None
    noise: float | None

    @property
    def ratio(self) -> float | None:
        """The mean in units of the noise; None where there is no noise to compare with."""
        return None if self.mean is None or not self.noise else self.mean / self.noise

    @classmethod
    def between(cls, without: Sequence[float | None], having: Sequence[float | None], scale: Scale = "ratio") -> Signal:
        """Compare the losses of two programs that differ in one feature.

        Args:
            without: losses of the program without the feature, by replicate.
            having: losses of the program with it.
            scale: how two losses are compared.
        """
        gains = [
            math.log(before / after) if scale == "ratio" else before - after
            for before, after in zip(without, having, strict=True)
            if before is not None and after is not None
        ]
        mean = statistics.fmean(gains) if gains else None
        return cls(mean, statistics.stdev(gains) if len(gains) > 1 else None)


@dataclass(frozen=True)
class Standing:
    """The outcome under one budget.

    Attributes:
        updates: of each training.
        ranks: of the truth among all programs in each replicate; 1 is first. Equal losses count against it.
        losses: of each program in each replicate, by kind and name; None where it failed.
        medians: median loss of each program over the replicates in which it worked, by kind and name; None if it never
            did.
        added: signal of each feature when it is added to the seed.
        removed: signal of each feature when it is missing from the truth.
    """

    updates: int
    ranks: tuple[int, ...]
    losses: dict[str, tuple[float | None, ...]]
    medians: dict[str, float | None]
    added: dict[str, Signal]
    removed: dict[str, Signal]

    @property
    def first(self) -> int:
        """In how many replicates the truth is first."""
        return sum(rank == 1 for rank in self.ranks)

    @property
    def median_rank(self) -> float:
        """Median over replicates of the rank of the truth."""
        return statistics.median(self.ranks)

    def before(self) -> dict[str, int]:
        """Return the programs whose loss is at most the truth's in some replicate, with the number of replicates.

        A replicate in which the truth failed counts for each program that worked.
        """
        truth = next(losses for name, losses in self.losses.items() if name.startswith("truth: "))
        found = {
            name: sum(
                other is not None and (own is None or other <= own) for own, other in zip(truth, losses, strict=True)
            )
            for name, losses in self.losses.items()
            if losses is not truth
        }
        return {name: count for name, count in sorted(found.items(), key=lambda entry: -entry[1]) if count}

    @classmethod
    def of(cls, updates: int, losses: Losses, scale: Scale = "ratio") -> Standing:
        """Summarise the losses of all contenders under one budget.

        Args:
            updates: of each training.
            losses: by contender.
            scale: how two losses are compared.
        """
        truth = next(contender for contender in losses if contender.kind == "truth")
        seed = next((contender for contender in losses if contender.kind == "seed"), None)
        kinds: dict[str, dict[str, Contender]] = {"added": {}, "removed": {}}
        for contender in losses:
            if contender.kind in kinds:
                kinds[contender.kind][contender.name] = contender
        return cls(
            updates,
            ranks=_ranks(truth, losses),
            losses={f"{c.kind}: {c.name}": tuple(values) for c, values in losses.items()},
            medians={f"{c.kind}: {c.name}": _median(values) for c, values in losses.items()},
            added={
                n: Signal.between(losses[seed], losses[c], scale) for n, c in kinds["added"].items() if seed is not None
            },
            removed={n: Signal.between(losses[c], losses[truth], scale) for n, c in kinds["removed"].items()},
        )

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Standing:
        """Return the standing whose fields are the content."""
        signals = {how: {n: Signal(**s) for n, s in content[how].items()} for how in ("added", "removed")}
        losses = {name: tuple(values) for name, values in content["losses"].items()}
        return cls(content["updates"], tuple(content["ranks"]), losses, content["medians"], **signals)


@dataclass(frozen=True)
class Certificate:
    """An answer to whether an objective, with a trainer and two budgets, ranks the planted truth first.

    Attributes:
        task: full name of the task.
        objective: name of the loss.
        programs: number of programs scored.
        replicates: number of trainings of each under each budget.
        standings: by budget, the shortest first.
        scale: how two losses differ, in which signals are given.
    """

    task: str
    objective: str
    programs: int
    replicates: int
    standings: tuple[Standing, ...]
    scale: Scale = "ratio"

    @property
    def within(self) -> int:
        """The worst rank that is still among the best `BEST` of the programs: a share of them, rounded up."""
        return math.ceil(BEST * self.programs)

    @property
    def verdict(self) -> Verdict:
        """`identifying`, `partly` or `not identifying`; the worst standing decides.

        Identifying: under every budget the truth is first in at least nine tenths of the replicates. Partly: under
        every budget its median rank is at most `within`.
        """
        if all(standing.first >= IDENTIFYING * self.replicates for standing in self.standings):
            return "identifying"
        if all(standing.median_rank <= self.within for standing in self.standings):
            return "partly"
        return "not identifying"

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-compatible form, with the verdict."""
        return {**asdict(self), "verdict": self.verdict, "within": self.within}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Certificate:
        """Return the certificate of which the content is the form; its verdict is decided anew."""
        standings = tuple(Standing.from_json(standing) for standing in content["standings"])
        return cls(
            content["task"],
            content["objective"],
            content["programs"],
            content["replicates"],
            standings,
            content["scale"],
        )


def certify(task: str, objective: str, losses: Mapping[int, Losses], scale: Scale = "ratio") -> Certificate:
    """Judge one objective.

    Args:
        task: full name of the task.
        objective: name of the loss.
        losses: by number of updates, the losses of all contenders by replicate.
        scale: how two losses differ.
    """
    standings = tuple(Standing.of(updates, losses[updates], scale) for updates in sorted(losses))
    programs = len({contender.source for contender in next(iter(losses.values()))})
    return Certificate(task, objective, programs, len(standings[0].ranks), standings, scale)


def as_text(certificate: Certificate, table: Callable[[list[list[str]], list[str]], str]) -> str:
    """Write a certificate for people.

    Args:
        certificate: the certificate.
        table: makes a table of rows and headings.
    """
    c, standings = certificate, certificate.standings
    budgets = [f"{standing.updates:,}" for standing in standings]
    lines = [f"{c.task}, objective {c.objective}: {c.verdict}", ""]
    for standing, updates in zip(standings, budgets, strict=True):
        lines.append(
            f"{updates} updates: the truth is first in {standing.first} of {c.replicates} replicates; median rank "
            f"{standing.median_rank:g} of {c.programs}."
        )
    lines.append(
        f"Identifying: first in at least {IDENTIFYING:.0%} of the replicates under every budget. Partly: median rank "
        f"at most {c.within}, the best {BEST:.0%} of {c.programs} programs, rounded up."
    )
    if standings[0].added or standings[0].removed:
        headings = ["feature", *(f"{how}, {updates}" for updates in budgets for how in ("added", "removed"))]
        names = list(dict.fromkeys((*standings[0].added, *standings[0].removed)))
        rows = [
            [name, *(_signal(side.get(name)) for s in standings for side in (s.added, s.removed))] for name in names
        ]
        lines += ["", table(rows, headings), ""]
        what = "logarithm of the loss" if c.scale == "ratio" else "loss (in nats)"
        lines.append(
            f"Signal: by how much the feature lowers the {what} when it is added to the seed, and when the truth has "
            "it; in brackets, in standard deviations of the paired difference over replicates."
        )
    last = standings[-1].medians
    order = sorted(last, key=lambda name: (last[name] is None, last[name] or 0.0))
    rows = [[name, *(_number(standing.medians[name]) for standing in standings)] for name in order]
    return "\n".join([*lines, "", table(rows, ["program", *(f"median loss, {updates}" for updates in budgets)])])


def _ranks(truth: Contender, losses: Losses) -> tuple[int, ...]:
    """Rank of the truth among all different programs in each replicate; one that failed is last."""
    rivals = {c.source: values for c, values in losses.items() if c.source != truth.source}
    ranks = []
    for replicate, own in enumerate(losses[truth]):
        others = [values[replicate] for values in rivals.values()]
        better = len(others) if own is None else sum(other is not None and other <= own for other in others)
        ranks.append(1 + better)
    return tuple(ranks)


def _median(values: Sequence[float | None]) -> float | None:
    worked = [value for value in values if value is not None]
    return statistics.median(worked) if worked else None


def _signal(signal: Signal | None) -> str:
    if signal is None or signal.mean is None:
        return "-"
    return f"{signal.mean:+.3f}" + (f" ({signal.ratio:+.1f})" if signal.ratio is not None else "")


def _number(value: float | None) -> str:
    return "failed" if value is None else f"{value:.4f}"
