"""Differences of a program that the grammar wrote from the start of its family, and from the published circuit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.blackbox.family import BlackBoxFamily
from zfbench.discoverers.proposers.families.family import Family
from zfbench.discoverers.proposers.rate.family import RateFamily
from zfbench.discoverers.proposers.rate.genotype import GENES, INPUTS, RateGenotype
from zfbench.discoverers.proposers.rate.truth import true_genotype
from zfbench.forecasting.task import Task
from zfbench.records.recordings import TaskSpec
from zfbench.records.result import Result
from zfbench.runs.tasks import family_name, find_task
from zfbench.tasks.zfish.name import ZfishName
from zfbench.tasks.zfish.task import make_spec
from zfbench.testbed.published import load as load_circuit

FAMILIES: tuple[Family[Any], ...] = (RateFamily(), BlackBoxFamily())
MARK = " genotype: {"  # in the source of every program that the grammar wrote
AGAINST_TRUTH = "Against the published circuit, without the training:"
TRAINING = ("loss", "learning_rate")


def differences(result: Result) -> list[str]:
    """Return lines on a searched program: gene by gene against the start of its family, and against the truth.

    The list is empty for what is no program of the grammar. The truth is known of the published circuit alone, in the
    rate family and where the drive is shown.
    """
    if result.program is None or MARK not in result.program.source:
        return []
    spec = _spec(result.task.name)
    if spec is None:
        return []
    for family in FAMILIES:
        own = family.parse(result.program.source, spec)
        if own is not None:
            start = family.start(spec)
            lines = [f"Against the start of the family '{family.name}':", *_indented(_changes(start, own), "the same")]
            truth = _truth(result.task.name, spec) if isinstance(own, RateGenotype) else None
            if truth is not None:
                lines += [AGAINST_TRUTH, *_indented(_genes(truth, own), "equal")]
            return lines
    return []


def _indented(lines: Iterator[str], otherwise: str) -> list[str]:
    return [f"  {line}" for line in lines] or [f"  {otherwise}"]


def _changes(before: Any, after: Any) -> Iterator[str]:
    """A line for each gene and training setting in which two genotypes of a family differ."""
    if isinstance(after, RateGenotype):
        yield from _genes(before, after)
        names: tuple[str, ...] = TRAINING
    else:
        assert is_dataclass(after)
        names = tuple(field.name for field in fields(after))
    for name in names:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            yield f"{name.replace('_', ' ')}: {old} -> {new}"


def _genes(before: RateGenotype, after: RateGenotype) -> Iterator[str]:
    """A line for each change of a gene, with the neuron groups that have it."""
    for gene in (*GENES, *INPUTS):
        groups: dict[str, list[str]] = {}
        for (group, old), (_, new) in zip(before.blocks, after.blocks, strict=True):
            one, other = _choice(getattr(old, gene)), _choice(getattr(new, gene))
            if one != other:
                groups.setdefault(f"{one} -> {other}", []).append(group)
        for change, own in groups.items():
            yield f"{gene}: {change} ({'all groups' if len(own) == len(after.blocks) else ', '.join(own)})"


def _choice(value: str | tuple[str, ...] | None) -> str:
    """A choice of a gene for people."""
    if value is None:
        return "all that may be read"
    return value if isinstance(value, str) else ("{" + ", ".join(value) + "}")


def _spec(task: str) -> TaskSpec | None:
    """The specification of a task about recordings, of the larva without its data; None of any other task."""
    if family_name(task) == "zfish":
        name = ZfishName.parse(task)
        return make_spec(name, load_circuit(name.circuit))
    found = find_task(task).task
    return found.spec if isinstance(found, Task) else None


def _truth(task: str, spec: TaskSpec) -> RateGenotype | None:
    if family_name(task) != "zfish" or not spec.drive:
        return None
    try:
        return true_genotype(load_circuit(ZfishName.parse(task).circuit), spec)
    except ZfbenchError:  # a redrawn circuit whose groups are mixed has no genotype
        return None
