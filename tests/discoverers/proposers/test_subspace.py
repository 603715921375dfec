"""The finite subspace of the rate family: what it holds, in which order, and that all of it can be evaluated."""

import hashlib
from dataclasses import replace

import jax
import numpy as np
import pytest
from genotype_cases import load, noisy

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.rate.genotype import GENES, start
from zfbench.discoverers.proposers.rate.render import parse, render
from zfbench.discoverers.proposers.rate.subspace import LOSS, PARTS, RateSubspace
from zfbench.discoverers.proposers.rate.truth import true_genotype
from zfbench.forecasting.dynamics import Dynamics
from zfbench.forecasting.flax_step import trace_model
from zfbench.forecasting.mask_check import verify_mask
from zfbench.records.program import Program
from zfbench.tasks.zfish.family import ZFISH
from zfbench.testbed.published import published

ONE_TASK = pytest.mark.parametrize("task", ["zfish-tiny/masked"], indirect=True)  # for what takes seconds

# Of the ids of all programs of stage 1 in order, which a table holds by their codes alone.
MEASURED = "b2bfe2d2bcb1236db5241fabe65f87f2c0ca508ddef74f067b6ef495ae145d19"


@pytest.fixture(scope="module", params=("zfish-tiny/masked", "zfish-tiny/driven"))
def task(request):
    return ZFISH.load(request.param)


@pytest.fixture
def space(task):
    return RateSubspace(task.spec)


@ONE_TASK
def test_six_slots_with_four_choices_each_are_4096_different_programs(space):
    assert [len(slot.choices) for slot in space.slots] == [4] * 6
    assert space.size == 4_096
    members = [codes for number in space.stages for codes in space.stage(number)]
    assert len(set(members)) == space.size
    assert len({space.genotype(codes).to_json() for codes in members}) == space.size


def test_a_stage_is_every_combination_of_the_other_slots_part_by_part_in_a_fixed_random_order(space):
    first = space.stage(1)
    assert len(first) == len(set(first)) == 1_024
    assert {codes[-1] for codes in first} == {0}
    assert first == space.stage(1) != sorted(first)
    assert [codes[-2] for codes in first] == [0] * 256 + [1] * 256 + [2] * 256 + [3] * 256
    assert first[:3] == [(2, 3, 3, 0, 0, 0), (3, 1, 2, 0, 0, 0), (3, 2, 0, 0, 0, 0)]  # tables are built in this order
    assert [codes[:-1] for codes in space.stage(2)] != [codes[:-1] for codes in first]
    with pytest.raises(ValueError, match="stages 1 to 4, not 5"):
        space.stage(5)
    assert space.stage(1, {3, 1}) == [codes for codes in first if codes[-2] in (1, 3)]
    with pytest.raises(ValueError, match="'MN synapses' has 4 choices, counted from 0, not 4"):
        space.stage(1, [0, 4])


def test_any_choice_of_a_slot_is_one_change_away(space):
    codes = (1, 2, 3, 0, 1, 2)
    near = list(space.neighbours(codes))
    assert len(set(near)) == 18
    assert all(sum(a != b for a, b in zip(codes, other, strict=True)) == 1 for other in near)


def test_the_start_is_the_familys_and_the_truth_the_circuits_but_for_one_gate(space, task):
    assert space.genotype(space.start) == replace(start(task.spec), loss=LOSS)
    truth = true_genotype(published(), task.spec)
    assert truth.block("S").gate == "min"
    assert space.genotype(space.truth) == replace(truth.with_gene(["S"], "gate", "none"), loss=LOSS)
    assert (*space.truth[:-1], 0) in space.stage(1)


@ONE_TASK
def test_the_programs_of_the_space_are_still_those_of_the_shipped_table(space):
    ids = "".join(Program(space.source(codes)).id for codes in sorted(space.stage(1)))
    assert hashlib.sha256(ids.encode()).hexdigest() == MEASURED


def test_every_slot_has_choices_that_are_no_groups_truth(task):
    truth = true_genotype(published(), task.spec)
    for groups, choices in PARTS.values():
        true = [{gene: getattr(truth.block(group), gene) for gene in GENES} for group in groups or truth.groups]
        untrue = [genes for genes in choices.values() if all(genes.items() - block.items() for block in true)]
        assert len(untrue) >= 1


def test_what_is_rendered_is_the_rate_familys_and_is_read_back(space, task):
    rng = np.random.default_rng(0)
    for codes in rng.integers(4, size=(40, 6)).tolist():
        genotype = space.genotype(tuple(codes))
        assert space.source(tuple(codes)) == render(genotype)
        assert parse(render(genotype), task.spec) == genotype


def test_programs_of_one_code_are_the_same_in_every_process(space, task):
    assert Program(space.source(space.truth)).id == Program(RateSubspace(task.spec).source((2, 1, 2, 1, 1, 1))).id


# Every choice of every slot, and with narrow inputs those that read activity by further ways.
@pytest.mark.parametrize("codes", [(0,) * 6, (1,) * 6, (2,) * 6, (3,) * 6, (3, 2, 3, 3, 2, 1)])
def test_every_choice_is_a_program_that_keeps_to_the_wiring(space, task, codes):
    model, _ = load(space.source(codes), task.spec)
    dynamics = Dynamics.of(trace_model(model, task.spec))
    params = noisy(dynamics.initialiser()(jax.random.key(0)))
    run = jax.jit(dynamics.rollout)

    class Model:
        def rollout(self, context, drive, clamp):
            horizon = drive.shape[1] - context.shape[1]
            return np.asarray(run(params, context, drive, clamp.mask, np.float32(clamp.course(horizon))))

    given = task.validation.inputs
    after = dynamics.rollout(params, given.context[:4], given.drive[:4, : task.spec.context + 1])
    assert np.isfinite(np.asarray(after)).all()
    if task.spec.masked:
        verify_mask(Model(), task.spec, given.context, given.drive, np.random.default_rng(0))


@pytest.mark.parametrize("codes", [(0,) * 5, (0,) * 7, (0, 0, 0, 0, 0, 4), (-1, 0, 0, 0, 0, 0)])
def test_what_is_no_program_of_the_space_is_refused(space, codes):
    with pytest.raises(ValueError, match="is no program of the space 'rate-4096'"):
        space.source(codes)


@pytest.mark.parametrize("name", ["zfish-tiny/autonomous", "zfish-tiny/masked@anonymous"])
def test_a_task_without_drive_or_with_other_names_has_no_such_space(name):
    with pytest.raises(ZfbenchError, match=f"'{name}' does not"):
        RateSubspace(ZFISH.load(name).spec)
