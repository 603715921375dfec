"""Differences of a program that the grammar wrote from the start of its family, and from the published circuit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.blackbox.family import BlackBoxFamily
from zfbench.discoverers.proposers.families.family import Family
from zfbench.discoverers.proposers.rate.family import RateFamily
from zfbench.discoverers.proposers.rate.genotype import GENES, INPUTS, Block, RateGenotype, start
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


@dataclass(frozen=True)
class Parts:
    """The choices of the published circuit that a program of the rate family has and the family's start lacks.

    A choice of form is one gene of one group. What groups read is not form.

    Attributes:
        true: choices of form that are the circuit's and not the start's.
        possible: number of such choices of the circuit.
        other: choices of form that are neither the circuit's nor the start's.
        reads: groups that read exactly the groups and drive channels that they read in the circuit.
        groups: number of groups.
    """

    true: int
    possible: int
    other: int
    reads: int
    groups: int


def parts(result: Result) -> Parts | None:
    """Compare a searched program with the published circuit, gene by gene.

    Returns:
        The numbers; None of what is no program of the rate family, and of a task on another circuit or without drive.
    """
    if result.program is None or MARK not in result.program.source or not _is_published(result.task.name):
        return None
    spec = _spec(result.task.name)
    own = None if spec is None else RateFamily().parse(result.program.source, spec)
    truth = None if spec is None else _truth(result.task.name, spec)
    if spec is None or own is None or truth is None:
        return None
    true = possible = other = reads = 0
    for (_, right), (_, first), (_, block) in zip(truth.blocks, start(spec).blocks, own.blocks, strict=True):
        for gene in GENES:
            wanted, begun, chosen = (getattr(some, gene) for some in (right, first, block))
            possible += wanted != begun
            is_true = chosen == wanted or (gene == "unit" and chosen in _same_units(right))
            true += is_true and chosen != begun
            other += not is_true and chosen != begun
        reads += all(getattr(block, inputs) == getattr(right, inputs) for inputs in INPUTS)
    return Parts(true, possible, other, reads, len(truth.blocks))


def _same_units(right: Block) -> tuple[str, ...]:
    """Other units that are the same function in a group of the published circuit (docs/spaces.md).

    Targets of its linear units are never below 0, and those of its integrator nor above 1. The other ways of writing
    the circuit take more than one gene.
    """
    if right.unit != "linear":
        return ()
    return ("relu", "clip") if right.form == "integrate" else ("relu",)


def _is_published(task: str) -> bool:
    return family_name(task) == "zfish" and ZfishName.parse(task).circuit == "published"


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
            begun = _changes(family.start(spec), own)
            lines = [f"Against the start of the family '{family.name}':", *_indented(begun, "the same")]
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
