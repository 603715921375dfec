"""The contests of the simulator families and of mixtures: one truth, and programs that differ from it as they say."""

from dataclasses import replace

import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.slots import channels, epidemics
from zfbench.leaderboard.analyses.other_contenders import hodgkin_huxley, mixtures, sir
from zfbench.runs.identify import Measurement, identify
from zfbench.runs.tasks import load_task
from zfbench.tasks.hodgkin_huxley.programs import SEED_PROGRAM, TRUTH
from zfbench.tasks.mixtures.family import MIXTURES

FAMILIES = {
    "sir-tiny": sir,
    "hodgkin_huxley-tiny": hodgkin_huxley,
    "hodgkin_huxley-without": hodgkin_huxley,
    "mixtures/exact@target:3": mixtures,
}


def by_name(contest):
    return {(c.kind, c.name): c.source for c in contest.contenders}


def choices(contest, grammar):
    """The choices of the programs that the grammar wrote, by kind and name."""
    return {name: grammar.parse(source) for name, source in by_name(contest).items() if grammar.parse(source)}


@pytest.mark.parametrize("task", FAMILIES)
def test_every_program_fits_its_task_and_is_compared_in_nats(task):
    loaded = load_task(task)
    contest = FAMILIES[task](loaded)
    assert contest.scale == "difference"
    assert loaded.seed_program in {c.source for c in contest.contenders}
    for contender in contest.contenders:
        loaded.spec.check(contender.source)
    others = [c.source for c in contest.contenders if c.kind not in ("truth", "removed")]
    assert len(set(others)) == len(others)


def test_rivals_of_the_epidemic_differ_from_it_in_one_slot():
    truth = ("frequency", "rate", "none", "none", "binomial")
    found = choices(sir(load_task("sir-tiny")), epidemics.GRAMMAR)
    assert found["truth", "the chain that made the data"] == truth
    for (kind, name), own in found.items():
        changed = [slot for slot, one, other in zip(epidemics.GRAMMAR.slots, own, truth, strict=True) if one != other]
        if kind in ("removed", "alternative"):
            assert changed == [name.split()[0]]
    assert len([kind for kind, _ in found if kind == "alternative"]) == 8
    assert found["added", "infection frequency"] == ("frequency", "none", "none", "none", "binomial")
    assert found["removed", "infection frequency"] == ("none", "rate", "none", "none", "binomial")


def test_the_neuron_has_its_channel_or_none_and_its_rivals_another():
    found = by_name(hodgkin_huxley(load_task("hodgkin_huxley-tiny")))
    assert found["truth", "M in the second slot"] == TRUTH
    assert found["removed", "M in the second slot"] == found["seed", "no further channel"] == SEED_PROGRAM
    without = hodgkin_huxley(load_task("hodgkin_huxley-without"))
    assert by_name(without)["truth", "no further channel"] == SEED_PROGRAM
    families = {own[3] for own in choices(without, channels.GRAMMAR).values()}
    assert families == set(channels.FAMILIES) - {"none"}


def test_of_recordings_nobody_knows_the_truth():
    task = load_task("hodgkin_huxley-tiny")
    own = replace(task, spec=replace(task.spec, name="hodgkin_huxley@recordings"))
    with pytest.raises(ZfbenchError, match="Nobody knows the true program of 'hodgkin_huxley@recordings'"):
        hodgkin_huxley(own)


def test_the_mixture_that_made_the_data_is_the_truth():
    name = "mixtures/exact@target:3"
    contest = mixtures(load_task(name))
    (truth,) = [c.source for c in contest.contenders if c.kind == "truth"]
    assert truth == MIXTURES.seal(name).target


def test_the_exact_likelihood_of_a_mixture_ranks_the_truth_first(tmp_path):
    name = "mixtures/exact@target:3"
    contest = mixtures(load_task(name))
    few = replace(contest, contenders=tuple(c for c in contest.contenders if c.name[-1] in "36k"))
    (found,) = identify(Measurement(name, (400,), replicates=1), few, tmp_path)
    assert found.standings[0].ranks == (1,)


@pytest.mark.torch
def test_two_epidemics_are_scored_and_ranked(tmp_path):
    pytest.importorskip("sbi")
    contest = sir(load_task("sir-tiny"))
    two = replace(contest, contenders=tuple(c for c in contest.contenders if c.kind in ("truth", "seed")))
    (found,) = identify(Measurement("sir-tiny", (20,), replicates=1), two, tmp_path)
    assert found.standings[0].ranks == (1,)
