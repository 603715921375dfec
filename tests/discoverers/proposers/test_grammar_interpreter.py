"""Rendered programs and the interpreter with their genes do the same arithmetic."""

import jax
import numpy as np
import pytest

from zfbench.discoverers.proposers.grammar.genotype import (
    BLOCK_GENES,
    TRAINING_GENES,
    Block,
    Genotype,
    default_genotype,
)
from zfbench.discoverers.proposers.grammar.proposer import GrammarProposer
from zfbench.discoverers.proposers.grammar.render import count_numbers, render
from zfbench.forecasting.contract import TrainingChoice
from zfbench.forecasting.dynamics import Dynamics
from zfbench.forecasting.flax_step import trace_model
from zfbench.forecasting.training import Trainer
from zfbench.records.program import Program
from zfbench.records.recordings import Recording, TaskSpec
from zfbench.records.source import check_source

N, D, B = 6, 3, 5


def make_spec(D, masked):
    rng = np.random.default_rng(0)
    neurons, drive = tuple(f"n{i}" for i in range(N)), tuple(f"d{i}" for i in range(D))
    masks = (rng.random((N, N)) < 0.6, rng.random((N, D)) < 0.5) if masked else (None, None)
    return TaskSpec("toy", "", "", 1.0, 4, 4, neurons, ("A", "A", "B", "C", "C", "B"), drive, *masks)


SPEC, MASKED, AUTONOMOUS = make_spec(D, False), make_spec(D, True), make_spec(0, False)
SPECS = pytest.mark.parametrize("spec", [SPEC, MASKED, AUTONOMOUS], ids=["driven", "masked", "autonomous"])


def random_genotype(seed):
    rng = np.random.default_rng(seed)
    rows = [
        (g, Block(**{gene: choices[rng.integers(len(choices))] for gene, choices in BLOCK_GENES.items()}))
        for g in "ABC"
    ]
    loss, rate = (choices[rng.integers(len(choices))] for choices in TRAINING_GENES.values())
    return Genotype(tuple(rows), loss, rate)


def inputs(spec):
    rng = np.random.default_rng(0)
    return rng.random((B, N), np.float32), rng.random((B, len(spec.drive)), np.float32)


def stateless(genotype):
    return genotype.with_gene(genotype.groups, "memory", "none")


def draws(number):
    """Genotypes with and without memory, and the default with each choice of each gene for one group."""
    drawn = [random_genotype(seed).with_suitable_training() for seed in range(number)]
    single = [default_genotype(SPEC).with_gene("B", gene, c) for gene, choices in BLOCK_GENES.items() for c in choices]
    return [*drawn, *map(stateless, drawn), *single]


def both(genotype, spec):
    """The rendered program's model, the interpreter's, and its genes."""
    found = GrammarProposer(spec).interpret(Program(render(genotype)))
    return load(render(genotype), spec), load(found.source, spec), found


def load(source, spec):
    namespace = {"__name__": "candidate"}
    exec(compile(source, "candidate", "exec"), namespace)
    return namespace["Model"](spec=spec)


def perturbed(tree, rng):
    return jax.tree.map(lambda leaf: leaf + rng.normal(0, 0.5, leaf.shape).astype(np.float32), tree)


@SPECS
def test_program_and_interpreter_begin_and_step_alike(spec):
    activity, drive = inputs(spec)
    for number, genotype in enumerate(draws(8)):
        program, interpreter, found = both(genotype, spec)
        params = program.init(jax.random.key(number), program.initial_state(B), activity, drive)["params"]
        everything = interpreter.init(jax.random.key(number), interpreter.initial_state(B), activity, drive)["params"]
        for name, tree in params.items():
            np.testing.assert_array_equal(tree["values"], everything[name]["values"])
        rng = np.random.default_rng(number)
        moved = perturbed(everything, rng) | found.given
        mine = {name: moved[name] for name in params}
        state = perturbed(program.initial_state(B), rng)
        theirs = {**interpreter.initial_state(B), **state} if genotype.recurrent else ()
        later, after = program.apply({"params": mine}, state, activity, drive)
        later_too, after_too = interpreter.apply({"params": moved}, theirs, activity, drive)
        np.testing.assert_allclose(after_too, after, rtol=1e-4, atol=1e-5)
        for name, values in later.items() if later else ():
            np.testing.assert_allclose(later_too[name], values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("memory", [False, True], ids=["stateless", "recurrent"])
def test_program_and_interpreter_train_alike(memory):
    """Twenty updates of every loss by one trainer; the losses on the way agree."""
    rng = np.random.default_rng(0)
    for seed in range(4):
        genotype = random_genotype(seed).with_suitable_training()
        genotype = genotype if memory else stateless(genotype)
        program, interpreter, found = both(genotype, MASKED)
        recording = Recording(
            "noise",
            rng.uniform(0, 1, (400, len(MASKED.neurons))).astype(np.float32),
            rng.uniform(0, 1, (400, len(MASKED.drive))).astype(np.float32),
        )
        own = Trainer(Dynamics.of(trace_model(program, MASKED)), MASKED, [recording])
        shared = Trainer(Dynamics.of(trace_model(interpreter, MASKED)), MASKED, [recording])
        choice = TrainingChoice(genotype.loss, genotype.learning_rate)
        a = own.train(choice, 20, np.inf, seed)
        assert TrainingChoice(**found.training) == choice
        b = shared.train(choice, 20, np.inf, seed, found.given)
        assert a.report.parameters == found.numbers
        assert a.report.recurrent == b.report.recurrent == memory
        np.testing.assert_allclose([x for _, x in b.report.loss_curve], [x for _, x in a.report.loss_curve], rtol=1e-3)
        np.testing.assert_array_equal(b.params["genes"], found.given["genes"])
        for name, values in a.params.items():
            np.testing.assert_allclose(b.params[name], values, rtol=1e-2, atol=1e-3)


@SPECS
def test_numbers_are_counted_as_the_trainer_counts_them(spec):
    activity, drive = inputs(spec)
    for genotype in draws(6):
        model = load(render(genotype), spec)
        shapes = jax.eval_shape(model.init, jax.random.key(0), model.initial_state(B), activity, drive)
        assert count_numbers(genotype, spec) == sum(leaf.size for leaf in jax.tree.leaves(shapes))


def test_there_are_two_interpreters_and_none_for_foreign_programs():
    proposer = GrammarProposer(SPEC)
    found = [proposer.interpret(Program(render(genotype))) for genotype in draws(6)]
    sources = {interpretation.source for interpretation in found}
    assert len(sources) == 2
    for source in sources:
        check_source(source)
    assert proposer.interpret(Program("x = 1")) is None
    assert proposer.interpret(Program(render(default_genotype(SPEC)).replace("own + rate", "own - rate"))) is None
