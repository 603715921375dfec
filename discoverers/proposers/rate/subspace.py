"""A finite subspace of the rate family: six slots with four choices each, 4,096 programs.

Every program of it is a program of the rate family, and all of them can be trained. In each slot one choice is what
searches begin with, one is true of the published circuit, and the others are parts that its equations do not have, or
have with another part that is missing. Of these, relu is the same function as linear in SW and vSPN, whose targets are
never below 0 (`SAME`). The list was fixed before any program of the space was trained:

| slot | start | true | distractors |
|---|---|---|---|
| AF | sigmoid | linear, rate by the drive | linear; tanh, rate by activity |
| PT slope | fixed | by the drive | by activity; by own activity |
| BG | leaky sigmoid | linear integrator, reset by the drive | linear integrator; leaky tanh, reset by activity |
| SW and vSPN | sigmoid | linear | tanh; relu |
| MN synapses | plain | scaled by the drive | scaled by groups; squared |
| all groups | all inputs, no hidden units | the true inputs, no hidden units | all inputs, eight tanh or relu units |

In AF and BG, one of the others has one part of the truth and lacks another; in BG that part costs something alone. The
gate of the group S is left out on purpose: alone it hardly lowers the loss (docs/spaces.md). So the program with all
true choices is the published circuit's form but for that gate.

The genes of a slot change together: a slot is one decision, and any choice is one change away from any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.rate.genotype import RateGenotype, allowed, names, start
from zfbench.discoverers.proposers.rate.render import render
from zfbench.protocols.space import Codes, Slot, Space
from zfbench.protocols.spec import Spec
from zfbench.records.recordings import TaskSpec

VERSION = 1  # rises when a code comes to mean another program
RATE = 1  # version of the family in which these programs were first written; none of them changed since

Genes = Mapping[str, str]
START: Genes = {}
TRUE_INPUTS = "the true inputs, no hidden units"

# Slot: the groups that it changes, and the genes of each choice. The first choice is the start's.
PARTS: Mapping[str, tuple[tuple[str, ...], Mapping[str, Genes]]] = {
    "AF": (
        ("AF",),
        {
            "sigmoid": START,
            "linear": {"unit": "linear"},
            "linear, rate by drive": {"unit": "linear", "rate": "drive"},
            "tanh, rate by activity": {"unit": "tanh", "rate": "activity"},
        },
    ),
    "PT slope": (
        ("PT",),
        {
            "fixed": START,
            "by drive": {"slope": "drive"},
            "by activity": {"slope": "activity"},
            "by own activity": {"slope": "own"},
        },
    ),
    "BG": (
        ("BG",),
        {
            "leaky sigmoid": START,
            "linear integrator": {"unit": "linear", "form": "integrate"},
            "linear integrator, reset by drive": {"unit": "linear", "form": "integrate", "reset": "drive"},
            "leaky tanh, reset by activity": {"unit": "tanh", "reset": "activity"},
        },
    ),
    "SW and vSPN": (
        ("SW", "vSPN"),
        {"sigmoid": START, "linear": {"unit": "linear"}, "tanh": {"unit": "tanh"}, "relu": {"unit": "relu"}},
    ),
    "MN synapses": (
        ("MN",),
        {
            "plain": START,
            "by drive": {"synapse": "drive"},
            "by group": {"synapse": "group"},
            "squared": {"synapse": "squared"},
        },
    ),
    "inputs and capacity": (
        (),  # all groups
        {
            "all inputs, no hidden units": START,
            TRUE_INPUTS: START,
            "all inputs, eight tanh units": {"hidden": "tanh"},
            "all inputs, eight relu units": {"hidden": "relu"},
        },
    ),
}
LOSS = "curriculum"  # what all programs of the space are trained by
TRUTH: Codes = (2, 1, 2, 1, 1, 1)
SAME: Mapping[str, tuple[int, ...]] = {"SW and vSPN": (3,)}  # the circuit's targets there are never below 0

RETINA = tuple(f"retina_{eye}{k}" for eye in "LR" for k in range(4))
TECTUM = ("oB", "B", "iB", "ioB", "iMm", "Mm", "oMl", "S")

# The groups and the drive channels that each group reads in the published circuit.
INPUTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "AF": ((), (*RETINA, "bout")),
    "PT": (("AF",), ("gain_L", "gain_R")),
    **dict.fromkeys(TECTUM, (("PT",), ())),
    "nMLF": (TECTUM, ()),
    "aHB": (("oB", "B", "Mm", "S"), ()),
    "LHB": (("aHB",), ()),
    "BG": (("nMLF",), ("bout",)),
    "SW": ((), ("swim",)),
    "vSPN": ((), ("turn_L", "turn_R")),
    "MN": (("nMLF", "SW", "vSPN"), ("bout", "phase_sin", "phase_cos")),
}


class RateSubspace(Space):
    """The subspace for one task of the larva, with the drive shown and the published circuit's names.

    Args:
        spec: specification of the task.

    Raises:
        ZfbenchError: the task shows no drive, or its neuron groups are called otherwise.
    """

    name = "rate-4096"
    versions = MappingProxyType({"space": VERSION, "rate": RATE})
    slots = tuple(
        Slot(name, tuple(choices), true, groups, SAME.get(name, ()))
        for (name, (groups, choices)), true in zip(PARTS.items(), TRUTH, strict=True)
    )

    def __init__(self, spec: Spec) -> None:
        if not isinstance(spec, TaskSpec) or not spec.drive or set(spec.groups) != set(INPUTS):
            raise ZfbenchError(
                f"The space '{self.name}' is of tasks that show the drive and the names of the published circuit, such "
                f"as zfish-tiny/masked; '{spec.name}' does not."
            )
        self._spec = spec

    def source(self, codes: Codes) -> str:
        """See `Space`."""
        return render(self.genotype(codes))

    def genotype(self, codes: Codes) -> RateGenotype:
        """Return the point of the rate family with these choices.

        Raises:
            ValueError: not one known choice for each slot.
        """
        self.check(codes)
        found = replace(start(self._spec), loss=LOSS)
        for (groups, choices), code in zip(PARTS.values(), codes, strict=True):
            choice = tuple(choices)[code]
            for gene, value in choices[choice].items():
                found = found.with_gene(groups or found.groups, gene, value)
            if choice == TRUE_INPUTS:
                found = self._narrowed(found)
        return found

    def _narrowed(self, genotype: RateGenotype) -> RateGenotype:
        for group, chosen in INPUTS.items():
            for inputs, wanted in zip(("sources", "channels"), chosen, strict=True):
                genotype = genotype.with_gene([group], inputs, names(wanted, allowed(self._spec, group, inputs)))
        return genotype
