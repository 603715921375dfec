"""The faults of a result that its schema allows, but that no correct result has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import lru_cache

from zfbench.records.program import Program
from zfbench.records.result import BENCHMARK_VERSION, Evaluated, Result
from zfbench.records.spend import NOTHING, Spend

UNIT_INTERVAL = ("average_precision", "auroc", "precision_at_k", "prevalence", "sign_accuracy", "spectral_distance")
NO_NEGATIVES = ("mae", "mae_sd")
UNITS = tuple(field.name for field in fields(Spend))


@dataclass(frozen=True)
class Fault:
    """A field of a result, what is wrong with it, and how to fix it."""

    field: str
    what: str
    fix: str


def faults(result: Result) -> Iterable[Fault]:
    """Yield the faults of a result, field by field."""
    if not re.fullmatch(r"[0-9a-f]{64}", result.task.data_sha256):
        yield Fault("task.data_sha256", "it is not a SHA-256", "judge the method again")
    if not 1 <= result.benchmark_version <= BENCHMARK_VERSION:
        yield Fault(
            "benchmark_version", f"this zfbench knows versions up to {BENCHMARK_VERSION}", "install the newer zfbench"
        )
    if result.seed < 0:
        yield Fault("seed", "it is negative", "judge the method again with a seed of 0 or more")
    if result.status == "ok" and not result.metrics:
        yield Fault("metrics", "a result that is ok has scores", "set the status to what went wrong, or judge again")
    if result.status != "ok" and result.metrics:
        yield Fault("metrics", f"a result with status '{result.status}' has none", "remove the scores")
    rules = _rules(tuple(result.metrics))
    for family, name in rules.families.items():
        if family not in result.metric_versions:
            yield Fault(f"metrics.{name}", "its family has no entry in metric_versions", "judge the method again")
    for name in rules.shares:
        if not -1e-9 <= result.metrics[name] <= 1 + 1e-9:
            yield Fault(f"metrics.{name}", f"{result.metrics[name]} is outside [0, 1]", "judge the method again")
    for name in rules.errors:
        if result.metrics[name] < 0:
            yield Fault(f"metrics.{name}", "an error cannot be negative", "judge the method again")
    for number, evaluated in enumerate(result.evaluated, 1):
        yield from _search_faults(number, evaluated, result)
    if result.program is not None and result.program.id != Program(result.program.source).id:
        yield Fault("program.id", "it is not the hash of the source", "judge the program again")
    for number, final in enumerate(result.finals):
        source, id_ = final.get("source"), final.get("program")
        if isinstance(source, str) and id_ != Program(source).id:
            yield Fault(f"finals.{number}.program", "it is not the hash of the source", "search again")


def _search_faults(number: int, evaluated: Evaluated, result: Result) -> Iterable[Fault]:
    field = f"evaluated.{number - 1}"
    if any(not 1 <= parent < number for parent in evaluated.parents):
        yield Fault(
            f"{field}.parents", f"program {number} has a parent that was not evaluated before it", "search again"
        )
    if (evaluated.status == "ok") != (evaluated.loss is not None):
        yield Fault(f"{field}.loss", "a program has a loss if and only if it worked", "search again")
    before = result.evaluated[number - 2].spend if number > 1 else NOTHING
    for name in UNITS:
        if getattr(evaluated.spend, name) < getattr(before, name):
            yield Fault(f"{field}.spend.{name}", "what was spent cannot become less", "search again")


@dataclass(frozen=True)
class _Rules:
    families: dict[str, str]  # of the scores, each with the first score of it
    shares: list[str]  # which lie in [0, 1]
    errors: list[str]  # which are not negative


@lru_cache(maxsize=64)  # most results have the names that others have too
def _rules(names: tuple[str, ...]) -> _Rules:
    """What has to hold of scores with these names."""
    return _Rules(
        families={name.split("/")[0]: name for name in reversed(names)},
        shares=[name for name in names if name.split("/")[-1] in UNIT_INTERVAL],
        errors=[name for name in names if not set(NO_NEGATIVES).isdisjoint(name.split("/"))],
    )
