"""The published circuit can be written in other ways in the rate family; docs/spaces.md lists those that are here."""

from dataclasses import dataclass, field

import jax
import numpy as np
import pytest
from truth_cases import free_run, rendered, true_parameters

from zfbench.discoverers.proposers.rate.subspace import PARTS
from zfbench.discoverers.proposers.rate.subspace import SAME as IN_THE_TABLE
from zfbench.discoverers.proposers.rate.truth import true_genotype
from zfbench.tasks.zfish.family import ZFISH
from zfbench.testbed.published import published
from zfbench.testbed.transition import rollout, transition

TASKS = ("zfish-tiny/masked", "zfish-tiny/driven")
MOST = 400  # states


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
    constants: object = None
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
    """A leak by half of twice the input, and of own activity read back, is an integrator."""
    some = members(("BG",))
    known["weights"][some, some] += 0.5


def echo(known, _):
    """A linear unit that reads itself with weight 1 is an integrator."""
    some = members(("BG",))
    known["slope"][some] = 1.0
    known["weights"][some, some] += 1


def product(known, reads):
    """A synapse that the drive scales is a gate by the product of both."""
    N, _ = published().size
    some = members(("MN",))
    read = [0, *(j for j in range(1, reads.shape[1]) if reads[some, j].any())]
    gain = np.zeros((len(some), len(read), len(read)))
    for row, found in enumerate(known.pop("scaled_by_drive")):
        for source, channel in np.argwhere(found):
            gain[row, read.index(source), read.index(N + channel)] = found[source, channel]
    known["gate_product"] = gain


SAME = {
    "relu for linear": Case(("AF", "SW", "vSPN", "BG"), {"unit": "relu"}),
    "instant for a linear leak": Case(("SW", "vSPN"), {"form": "instant"}, instant, {"sources": ("SW", "vSPN")}),
    "a constant reset for a linear leak": Case(("SW", "vSPN"), {"form": "integrate", "reset": "constant"}, reset),
    "a leak for the integrator": Case(("BG",), {"form": "leak"}, leak, {"sources": ("nMLF", "BG")}),
    "instant for the integrator": Case(("BG",), {"form": "instant"}, echo, {"sources": ("nMLF", "BG")}),
    "products for scaled synapses": Case(("MN",), {"synapse": "plain", "gate": "product"}, product),
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


@pytest.mark.parametrize("name", SAME)
def test_with_other_constants_it_is_the_true_model(name, task):
    windows, spec = task.validation.inputs, task.spec
    genotype, constants = written(SAME[name], spec)
    assert genotype != true_genotype(published(), spec)
    with jax.enable_x64(True):
        model, params = rendered(spec, float, genotype, constants)
        before = np.concatenate([r.activity[:-1] for r in task.train])[::17][:MOST].astype(float)
        drive = np.concatenate([r.drive[1:] for r in task.train])[::17][:MOST].astype(float)
        one = np.asarray(jax.jit(model.apply)({"params": params}, (), before, drive)[1])
        last, future = windows.context[:, -1].astype(float), windows.drive[:, spec.context :].astype(float)
        free = free_run(model, params, last, future)
    np.testing.assert_allclose(one, transition(published(), before, drive), rtol=0, atol=1e-13)
    np.testing.assert_allclose(free, rollout(published(), last, future), rtol=0, atol=1e-11)


def test_the_finite_space_names_the_choices_that_are_the_same_function():
    case, groups = SAME["relu for linear"], set()
    for slot, choices in IN_THE_TABLE.items():
        changed, genes = PARTS[slot]
        assert [tuple(genes.values())[choice] for choice in choices] == [case.genes]
        groups |= set(changed)
    assert groups == {"SW", "vSPN"} <= set(case.groups)
