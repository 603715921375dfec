"""The published circuit can be written in other ways in the rate family; docs/spaces.md lists those that are here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest
from truth_cases import free_run, rendered, true_parameters

from zfbench.discoverers.proposers.rate.subspace import PARTS, SAME
from zfbench.discoverers.proposers.rate.truth import true_genotype
from zfbench.tasks.zfish.family import ZFISH
from zfbench.testbed.published import published
from zfbench.testbed.transition import rollout, transition

TASKS = ("zfish-tiny/masked", "zfish-tiny/driven")
MOST = 2_000  # states


@dataclass
class Case:
    """Other genes of some groups, and the constants with which the program is the circuit.

    Attributes:
        groups: that have other genes.
        genes: the other choices.
        constants: changes the circuit's constants in place, given what the program reads.
        reads: further groups and channels that the groups read.
    """

    groups: tuple[str, ...]
    genes: dict[str, str]
    constants: Callable | None = None
    reads: dict[str, tuple[str, ...]] = field(default_factory=dict)


def members(groups):
    return np.flatnonzero(np.isin(published().groups, groups))


def instant(known, _):
    """A leak of a linear unit is its reading of itself."""
    some = members(("SW", "vSPN"))
    rate = published().alpha[some]
    known["weights"][some] *= rate[:, None]
    known["weights"][some, some] += 1 - rate


def reset(known, _):
    """An integrator that is always reset by a share is a leak by that share."""
    some = members(("SW", "vSPN"))
    rate = published().alpha[some]
    known["reset_constant"] = np.zeros(len(published().groups))
    known["reset_constant"][some] = rate
    known["rate"][some], known["slope"][some] = 0.0, 2 * rate / (1 - rate)  # sigmoid(0) = 1/2


def leak(known, _):
    """With rate 1/2 and slope 2, a leak that reads half of its own activity adds its input, as an integrator does."""
    some = members(("BG",))
    known["weights"][some, some] += 0.5


def echo(known, _):
    """A linear unit that reads itself with weight 1 is an integrator."""
    some = members(("BG",))
    known["slope"][some] = 1.0
    known["weights"][some, some] += 1


class Gates:
    """Gains of products of pairs of inputs, for the neurons of some groups."""

    def __init__(self, reads, groups):
        self._some = list(members(groups))
        self._read = [0, *(j for j in range(1, reads.shape[1]) if reads[self._some, j].any())]
        self.gain = np.zeros((len(self._some), len(self._read), len(self._read)))

    def add(self, neuron, one, other, gain):
        pair = sorted((self._read.index(one), self._read.index(other)))
        self.gain[self._some.index(neuron), *pair] += gain


def product(known, reads):
    """A synapse that the drive scales is a gate by the product of both."""
    N, _ = published().size
    gates = Gates(reads, ("MN",))
    for neuron, found in zip(members(("MN",)), known.pop("scaled_by_drive"), strict=True):
        for source, channel in np.argwhere(found):
            gates.add(neuron, source, N + channel, found[source, channel])
    known["gate_product"] = gates.gain


def products(known, reads, group, moved, sign):
    """Products of a channel b, which moves a rate or reset by m b, with own activity and with the linear input.

    A rate (1 + m b) adds m b times the input less own activity; a reset by m b takes m b times their sum away.
    """
    N, _ = published().size
    gates = Gates(reads, (group,))
    for i in members((group,)):
        (channel,) = np.flatnonzero(known[moved][i])
        m, b = known[moved][i, channel], N + channel
        assert not known["weights"][i, b]
        gates.add(i, i, b, -m)
        for j in np.flatnonzero(known["weights"][i]):
            gates.add(i, j, b, sign * m * known["weights"][i, j])
        known["weights"][i, b] -= sign * m * known["bias"][i]
    known["gate_product"] = gates.gain


product_for_rate = partial(products, group="AF", moved="rate_drive", sign=1)
product_for_reset = partial(products, group="BG", moved="reset_drive", sign=-1)


def hidden(known, reads):
    """The minimum of p and q is p - relu(p - q)."""
    N, D = published().size
    known |= {"hidden": np.zeros((N, 8, N + D)), "offset": np.zeros((N, 8)), "out": np.zeros((N, 8))}
    del known["gate_min"]
    for gate in published().gates:
        known["weights"][gate.target, gate.p] += gate.gain
        known["hidden"][gate.target, 0, [gate.p, gate.q]] = 1, -1
        known["out"][gate.target, 0] = -gate.gain


CASES = {  # by what the equations have, and what is the same function
    ("unit linear", "unit relu"): Case(("AF", "BG", "SW", "vSPN"), {"unit": "relu"}),
    ("unit linear", "unit clip"): Case(("BG",), {"unit": "clip"}),
    ("form leak", "form instant, reading itself"): Case(
        ("SW", "vSPN"), {"form": "instant"}, instant, {"sources": ("SW", "vSPN")}
    ),
    ("form leak", "form integrate with a constant reset"): Case(
        ("SW", "vSPN"), {"form": "integrate", "reset": "constant"}, reset
    ),
    ("form integrate", "form leak, reading itself"): Case(("BG",), {"form": "leak"}, leak, {"sources": ("nMLF", "BG")}),
    ("form integrate", "form instant, reading itself"): Case(
        ("BG",), {"form": "instant"}, echo, {"sources": ("nMLF", "BG")}
    ),
    ("rate by the drive", "gate product, reading itself"): Case(
        ("AF",), {"rate": "fixed", "gate": "product"}, product_for_rate, {"sources": ("AF",)}
    ),
    ("reset by the drive", "gate product, reading itself"): Case(
        ("BG",), {"reset": "none", "gate": "product"}, product_for_reset, {"sources": ("nMLF", "BG")}
    ),
    ("synapses by the drive", "gate product"): Case(("MN",), {"synapse": "plain", "gate": "product"}, product),
    ("gate minimum", "eight relu hidden units"): Case(("S",), {"gate": "none", "hidden": "relu"}, hidden),
}


def written(case, spec):
    """The case's genotype, and its constants."""
    genotype = true_genotype(published(), spec)
    for gene, choice in {**case.genes, **case.reads}.items():
        for group in case.groups:
            kept = tuple(g for g in choice if g == group or g not in case.groups) if gene in case.reads else choice
            genotype = genotype.with_gene([group], gene, kept)

    def constants(circuit, reads):
        known = {name: np.array(values, float) for name, values in true_parameters(circuit, reads).items()}
        if case.constants is not None:
            case.constants(known, reads)
        return known

    return genotype, constants


@pytest.fixture(scope="module", params=TASKS)
def task(request):
    return ZFISH.load(request.param)


@pytest.mark.parametrize("name", CASES, ids=" is ".join)
def test_with_other_constants_it_is_the_true_model(name, task):
    windows, spec = task.validation.inputs, task.spec
    genotype, constants = written(CASES[name], spec)
    assert genotype != true_genotype(published(), spec)
    with jax.enable_x64(True):
        model, params = rendered(spec, float, genotype, constants)
        before = np.concatenate([r.activity[:-1] for r in task.train]).astype(float)
        drive = np.concatenate([r.drive[1:] for r in task.train]).astype(float)
        spread = np.linspace(0, len(before) - 1, MOST).astype(int)  # over all recordings
        before, drive = before[spread], drive[spread]
        one = np.asarray(jax.jit(model.apply)({"params": params}, (), before, drive)[1])
        last, future = windows.context[:, -1].astype(float), windows.drive[:, spec.context :].astype(float)
        free = free_run(model, params, last, future)
    np.testing.assert_allclose(one, transition(published(), before, drive), rtol=0, atol=1e-13)
    np.testing.assert_allclose(free, rollout(published(), last, future), rtol=0, atol=1e-11)


def test_the_document_lists_these_cases():
    text = (Path(__file__).parents[3] / "docs" / "spaces.md").read_text(encoding="utf-8")
    _, begin, rest = text.partition("| group | the equations have | the same function |\n|---|---|---|\n")
    rows = [row.strip("| ").split(" | ") for row in rest.split("\n\n")[0].splitlines()]
    assert begin
    assert [(groups, have, same.split(":")[0]) for groups, have, same in rows] == [
        (", ".join(case.groups), *name) for name, case in CASES.items()
    ]


def test_the_finite_space_names_the_choices_that_are_the_same_function():
    case, groups = CASES["unit linear", "unit relu"], set()
    for slot, choices in SAME.items():
        changed, genes = PARTS[slot]
        assert [tuple(genes.values())[choice] for choice in choices] == [case.genes]
        groups |= set(changed)
    assert groups == {"SW", "vSPN"} <= set(case.groups)
