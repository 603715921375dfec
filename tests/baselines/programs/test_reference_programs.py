import ast
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import zfbench.baselines.programs
from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.baselines.reference import ceiling
from zfbench.forecasting.contract import TrainingChoice
from zfbench.forecasting.dynamics import Dynamics
from zfbench.forecasting.flax_step import trace_model
from zfbench.forecasting.job import instantiate
from zfbench.forecasting.seed import SEED_PROGRAM
from zfbench.forecasting.training import Material, Trainer
from zfbench.records.recordings import Recording, TaskSpec
from zfbench.records.source import check_source
from zfbench.sandbox.worker import execute

NAMES = (
    "ceiling",
    "driven_gru",
    "driven_mlp",
    "driven_mlp_bounded",
    "masked_leaky_sigmoid",
    "masked_mlp",
    "neuron_mlp",
    "neuron_mlp_leak_squash",
    "neuron_mlp_squash",
)
# hidden state that all neurons share is forbidden in the masked track, and the ceiling is of one circuit
STEPS = [(n, t) for n in NAMES[1:] for t in ("autonomous", "driven", "masked") if (n, t) != ("driven_gru", "masked")]


@pytest.fixture
def spec():
    rng = np.random.default_rng(0)
    return TaskSpec(
        "toy", "", "", 1.0, 8, 4, tuple("abcde"), ("g",) * 5, ("p", "q"), rng.random((5, 5)) < 0.5,
        rng.random((5, 2)) < 0.5,
    )  # fmt: skip


@pytest.fixture
def recordings():
    rng = np.random.default_rng(1)
    return tuple(Recording(name, rng.random((200, 5), np.float32), rng.random((200, 2), np.float32)) for name in "xy")


def dynamics_of(program, spec):
    return Dynamics.of(trace_model(instantiate(program, spec), spec))


def test_names_lists_every_reference_program():
    assert zfbench.baselines.programs.names() == NAMES


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'masked_mlp'"):
        zfbench.baselines.programs.source("maskedmlp")


@pytest.mark.parametrize("name", NAMES)
def test_sources_satisfy_the_static_checks_and_begin_with_a_docstring(name):
    source = zfbench.baselines.programs.source(name)
    check_source(source)
    assert source.startswith('"""')


@pytest.mark.parametrize(("name", "track"), STEPS)
def test_every_program_takes_a_step_in_every_track(name, track, spec):
    if track != "masked":
        spec = replace(spec, mask=None, drive_mask=None)
    if track == "autonomous":
        spec = replace(spec, drive=())
    dynamics = dynamics_of(execute(zfbench.baselines.programs.source(name)), spec)
    assert dynamics.recurrent == (name == "driven_gru")


def code(name):
    """The lines of a program without its docstrings and comments."""
    tree = ast.parse(zfbench.baselines.programs.source(name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:]
    return ast.unparse(tree).splitlines()


LEAK = {"rate = nn.sigmoid(self.param('rate', nn.initializers.constant(-2.5), (n,)))"}
OUTPUT = "jnp.einsum('bik,ik->bi', hidden, w) + c"


@pytest.mark.parametrize(
    ("name", "other", "removed", "added"),
    [
        (
            "driven_mlp",
            "driven_mlp_bounded",
            {"target = nn.Dense(n, kernel_init=nn.initializers.normal(0.05))(hidden)"},
            {"target = nn.sigmoid(nn.Dense(n, kernel_init=nn.initializers.normal(0.05))(hidden))"},
        ),
        ("masked_mlp", "neuron_mlp_leak_squash", {f"target = {OUTPUT}"}, {f"target = nn.sigmoid({OUTPUT})"}),
        ("neuron_mlp", "neuron_mlp_squash", {f"target = {OUTPUT}"}, {f"target = nn.sigmoid({OUTPUT})"}),
        (
            "masked_mlp",
            "neuron_mlp",
            LEAK | {"return (state, activity + rate * (target - activity))"},
            {"return (state, target)"},
        ),
        (
            "neuron_mlp_leak_squash",
            "neuron_mlp_squash",
            LEAK | {"return (state, activity + rate * (target - activity))"},
            {"return (state, target)"},
        ),
    ],
)
def test_matched_pairs_differ_in_one_thing(name, other, removed, added):
    one, two = ([line.strip() for line in code(n)] for n in (name, other))
    assert (set(one) - set(two), set(two) - set(one)) == (removed, added)
    assert [line for line in one if line not in removed] == [line for line in two if line not in added]


def test_the_ceiling_is_the_published_circuits_form_as_the_grammar_writes_it(driven):
    from zfbench.discoverers.proposers.rate.render import render
    from zfbench.discoverers.proposers.rate.truth import true_genotype
    from zfbench.testbed.published import published

    assert zfbench.baselines.programs.source("ceiling") == render(true_genotype(published(), driven.spec))


@pytest.mark.parametrize("name", ["zfish-tiny/driven@anonymous", "zfish-tiny/driven@circuit:redrawn:1"])
def test_the_ceiling_refuses_circuits_whose_form_it_does_not_have(name, driven):
    task = replace(driven.spec, name=name)
    with pytest.raises(ZfbenchError, match="leave the ceiling out there"):
        ceiling(SimpleNamespace(spec=task), 0)


def test_a_program_with_hidden_state_trains_without_drive(spec, recordings):
    spec = replace(spec, drive=(), mask=None, drive_mask=None)
    train = tuple(replace(r, drive=r.drive[:, :0]) for r in recordings)
    program = execute(zfbench.baselines.programs.source("driven_gru"))
    choice = TrainingChoice.parse(getattr(program, "training", None))
    dynamics = dynamics_of(program, spec)
    material = Material.for_program(train, spec, dynamics.recurrent)
    trained = Trainer(dynamics, material).train(choice, 4, math.inf, seed=0)
    path = trained.forecast(trained.params, np.zeros((3, 4, 5)), np.zeros((3, 12, 0)))
    assert path.shape == (3, 8, 5)


def test_the_seed_program_starts_as_the_last_value(spec):
    import jax

    dynamics = dynamics_of(execute(SEED_PROGRAM), spec)
    params = dynamics.initialiser()(jax.random.key(0))
    context = np.random.default_rng(2).random((3, 4, 5), np.float32)
    path = dynamics.rollout(params, context, np.zeros((3, 12, 2)))
    np.testing.assert_array_equal(path, np.repeat(context[:, -1:], 8, axis=1))
