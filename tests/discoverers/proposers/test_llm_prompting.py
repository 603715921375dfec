"""What is sent to a language model, and how its answers are read."""

import re

import pytest
from llm_cases import PARENT, SPEC

from zfbench.base.errors import ZfbenchError
from zfbench.forecasting.evaluator import ProgramEvaluator
from zfbench.protocols.proposer import Context
from zfbench.records.evaluation import Request, Scored
from zfbench.records.hints import CRITIQUE, advice
from zfbench.records.limits import Limits
from zfbench.records.program import OPERATORS, Program, Status
from zfbench.tasks.zfish.family import ZFISH
from zfbench.tasks.zfish.name import MAIN_CONDITIONS, ZfishName
from zfbench.tasks.zfish.task import make_spec
from zfbench.testbed.published import load

pytest.importorskip("openai")
from zfbench.discoverers.proposers.llm.prompting import NAMES, Prompts


def test_prompts_with_unknown_places_or_missing_files_are_explained(tmp_path):
    with pytest.raises(ZfbenchError, match=r"cannot|Cannot read the prompts"):
        Prompts.load(str(tmp_path))
    for name in NAMES:
        (tmp_path / f"{name}.txt").write_text("{nonsense}")
    with pytest.raises(ZfbenchError, match=r"unknown place \{nonsense\}"):
        Prompts.load(str(tmp_path)).repair("x")


def test_braces_of_programs_survive_the_prompt():
    context = Context(SPEC, (Scored(Program("x = {source}"), PARENT.evaluation),), frozenset())
    assert "x = {source}" in Prompts.load().proposal(Request(1, "mutate"), context, 1)


def test_prompt_of_a_circuit_that_is_not_the_published_one_names_no_species():
    name = ZfishName("tiny", "masked", "redrawn:1")
    text = Prompts.load().proposal(
        Request(1, "mutate"), Context(make_spec(name, load("published")), (), frozenset()), 0
    )
    assert "54 neurons of a simulated animal" in text
    assert published_names(text) == []


def published_names(text):
    """Words of a text by which the published larva could be recognised."""
    circuit = load("published")
    names = {*circuit.neurons, *circuit.groups, *circuit.drive, *circuit.drive_groups, *MAIN_CONDITIONS}
    names -= {"B", "S"}  # cell types, but also the batch axis of every shape
    names |= {
        "zebrafish",
        "zfish",
        "larva",
        "larval",
        "fish",
        "retinal",
        "optomotor",
        "pretectum",
        "published",
        "paper",
    }
    return [name for name in names if re.search(rf"(?<![a-z]){re.escape(name)}(?![a-z])", text, re.IGNORECASE)]


def test_names_that_give_the_larva_away_are_found(masked):
    spec = masked.spec
    assert {"zebrafish", "larval", "retina"} & set(published_names(spec.description))
    for name in ("nMLF_L", "retina_L0", "oB"):
        assert name in published_names(" ".join(spec.facts().values()) + f" blame: {spec.neurons}")


@pytest.mark.parametrize(
    ("step", "status"),
    [
        ("print(self.spec)", Status.OK),  # what a program prints is fed back
        ("activity = activity.at[:, 0].set(jnp.nan)", Status.NON_FINITE),
        ("activity = activity.at[:, 0].set(activity.sum(1))", Status.MASK_VIOLATION),
        ("raise ValueError(f'{self.spec.name} {self.spec.groups} {self.spec.drive}')", Status.ERROR),
    ],
)
def test_no_published_name_occurs_in_feedback_and_prompts_of_an_anonymous_task(anonymous, step, status):
    step = f"import jax.numpy as jnp; {step}; n = len("
    program = Program(anonymous.seed_program.replace("n = len(", step), summary="leak")
    evaluation = ProgramEvaluator(anonymous, Limits(updates=4, seconds=120))(program, 0)
    assert evaluation.status == status, evaluation.feedback
    parents = (Scored(program, evaluation, "good"),)
    context = Context(anonymous.spec, parents, frozenset())
    hints = (*advice(anonymous.spec, parents), "an idea", CRITIQUE)
    prompts = Prompts.load()
    sent = [prompts.critique(context), prompts.texts["system"], prompts.repair("it was empty")]
    sent += [prompts.proposal(Request(1, op, hints=hints), context, 1) for op in OPERATORS if op != "seed"]
    assert {"ok": "group01 ", "mask_violation": "'neuron01'", "error": "group01"}.get(status, "") in evaluation.feedback
    assert published_names("\n".join(sent)) == []
    assert published_names(" ".join([evaluation.feedback, *evaluation.metrics, *hints])) == []


@pytest.fixture(scope="module")
def anonymous(data_cache):
    return ZFISH.load("zfish-tiny/masked@anonymous")
