"""The rate family contains the published circuit, exactly, and one change after another leads to it."""

import ast
from itertools import pairwise
from pathlib import Path

import jax
import numpy as np
import pytest
from genotype_cases import neighbours
from truth_cases import free_run, rendered

import zfbench.discoverers.proposers.grammar.proposer as proposer_module
from zfbench.discoverers.proposers.rate.genotype import GENES, INPUTS, RateGenotype, allowed, names, start
from zfbench.discoverers.proposers.rate.render import parse, render
from zfbench.discoverers.proposers.rate.truth import true_genotype
from zfbench.forecasting.dynamics import Dynamics
from zfbench.forecasting.flax_step import trace_model
from zfbench.forecasting.mask_check import verify_mask
from zfbench.tasks.zfish.family import ZFISH
from zfbench.testbed.published import published
from zfbench.testbed.transition import rollout, transition

TASKS = ("zfish-tiny/masked", "zfish-tiny/driven", "zfish-tiny/masked@anonymous")
ROOT = Path(__file__).parents[3]
SPACES, README = (
    " ".join((ROOT / file).read_text(encoding="utf-8").split()) for file in ("docs/spaces.md", "README.md")
)


def path(spec, genotype):
    """A way from the start of the family to a genotype, each step one change; both ends are included.

    What a group reads is narrowed to one input and then widened, or narrowed input by input, whichever is shorter.
    """
    way = [start(spec)]
    for group, block in genotype.blocks:
        for gene in GENES:
            way.append(way[-1].with_gene([group], gene, getattr(block, gene)))
        for inputs in INPUTS:
            possible = allowed(spec, group, inputs)
            for chosen in narrowing(getattr(block, inputs), possible):
                way.append(way[-1].with_gene([group], inputs, names(chosen, possible)))
    return [now for before, now in zip([None, *way], way, strict=False) if now != before]


def narrowing(wanted, possible):
    """The sets of inputs on the way from all to those that are wanted."""
    kept = possible if wanted is None else wanted
    dropped = [name for name in possible if name not in kept]
    if len(dropped) <= max(len(kept), 1):
        return [tuple(n for n in possible if n not in dropped[: k + 1]) for k in range(len(dropped))]
    return [kept[: k + 1] for k in range(len(kept))] or [()]


@pytest.fixture(scope="module", params=TASKS)
def task(request):
    return ZFISH.load(request.param)


@pytest.mark.parametrize(("dtype", "step", "path"), [(np.float32, 2e-6, 1e-5), (np.float64, 1e-14, 1e-12)])
def test_with_the_true_constants_the_true_genotype_is_the_true_model(task, dtype, step, path):
    windows = task.validation.inputs
    with jax.enable_x64(dtype == np.float64):
        model, params = rendered(task.spec, dtype)
        before = np.concatenate([r.activity[:-1:7] for r in task.train]).astype(dtype)
        drive = np.concatenate([r.drive[1::7] for r in task.train]).astype(dtype)
        one = np.asarray(jax.jit(model.apply)({"params": params}, (), before, drive)[1])
        following = windows.drive[:, task.spec.context :].astype(dtype)
        free = free_run(model, params, windows.context[:, -1].astype(dtype), following)
    assert len(before) > 4_000
    assert one.dtype == free.dtype == dtype
    np.testing.assert_allclose(one, transition(published(), before, drive), rtol=0, atol=step)
    last, future = windows.context[:, -1].astype(float), windows.drive[:, task.spec.context :].astype(float)
    assert future.shape[1] == 256
    np.testing.assert_allclose(free, rollout(published(), last, future), rtol=0, atol=path)


def test_states_that_no_recording_has_agree_as_well(task):
    """But for the drive of leak and reset, which the program keeps to [0, 1]: the bout flag is 0 or 1 there."""
    rng = np.random.default_rng(0)
    activity, drive = rng.uniform(-0.5, 1.5, (500, 54)), rng.uniform(-0.5, 1.5, (500, 16))
    drive[:, list(published().drive).index("bout")] = rng.integers(0, 2, 500)
    with jax.enable_x64(True):
        model, params = rendered(task.spec, np.float64)
        after = np.asarray(jax.jit(model.apply)({"params": params}, (), activity, drive)[1])
    np.testing.assert_allclose(after, transition(published(), activity, drive), rtol=0, atol=1e-13)


def test_the_true_program_keeps_to_the_wiring():
    task = ZFISH.load("zfish-tiny/masked")
    model, constants = rendered(task.spec, np.float32)
    run = jax.jit(Dynamics.of(trace_model(model, task.spec)).rollout)
    params = {f"{name}/values": tree["values"] for name, tree in constants.items()}

    class Model:
        def rollout(self, context, drive, clamp):
            horizon = drive.shape[1] - context.shape[1]
            return np.asarray(run(params, context, drive, clamp.mask, np.float32(clamp.course(horizon))))

    inputs = task.validation.inputs
    verify_mask(Model(), task.spec, inputs.context, inputs.drive, np.random.default_rng(0))


def test_the_true_genotype_is_read_back_from_its_source(task):
    truth = true_genotype(published(), task.spec)
    assert parse(render(truth), task.spec) == truth
    assert RateGenotype.from_json(truth.to_json()) == truth


def test_one_change_after_another_leads_from_the_start_to_the_truth(task):
    truth = true_genotype(published(), task.spec)
    way = path(task.spec, truth)
    assert (way[0], way[-1]) == (start(task.spec), truth)
    for before, after in pairwise(way):
        assert any(child == after for child, _ in neighbours(before, task.spec))


@pytest.mark.parametrize(("track", "changes", "form"), [("masked", 27, 10), ("driven", 66, 10)])
def test_how_many_changes_lead_to_the_truth(track, changes, form):
    """Also without its inputs: a program that reads everything holds the published circuit, with weights of 0."""
    spec = ZFISH.load(f"zfish-tiny/{track}").spec
    truth = reads_all = true_genotype(published(), spec)
    for (group, _), (same, first) in zip(truth.blocks, start(spec).blocks, strict=True):
        assert group == same
        for inputs in INPUTS:
            reads_all = reads_all.with_gene([group], inputs, getattr(first, inputs))
    assert len(path(spec, truth)) - 1 == changes
    assert len(path(spec, reads_all)) - 1 == form
    words = {"masked": f"From the start of `zfish-tiny/masked` {changes} changes lead to it, {form} of form and"}
    words["driven"] = f"of `zfish-tiny/driven` {changes}, {form} and {changes - form}."
    assert words[track] in SPACES
    assert f"{changes} {'single changes away with the mask' if track == 'masked' else 'without, '}" in README
    assert f"without, {form} of them of form, the others of what each group reads;" in README


def test_what_is_true_of_some_group_is_what_the_list_says():
    truth = true_genotype(published(), ZFISH.load("zfish-tiny/driven").spec)
    found = {gene: {getattr(block, gene) for _, block in truth.blocks} for gene in GENES}
    assert found == {
        "unit": {"sigmoid", "linear"},
        "form": {"leak", "integrate"},
        "rate": {"fixed", "drive"},
        "reset": {"none", "drive"},
        "slope": {"fixed", "drive"},
        "synapse": {"plain", "drive"},
        "gate": {"none", "min"},
        "memory": {"none"},
        "hidden": {"none"},
    }


def test_no_proposer_knows_the_truth():
    folder = Path(proposer_module.__file__).parents[1]
    for file in folder.rglob("*.py"):
        imported = [
            name
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
        ]
        told = [name for name in imported if name.endswith("rate.truth") or name == "truth" or "testbed" in name]
        assert not told or file.name == "truth.py", (file, told)
