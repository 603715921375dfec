"""The contests of the other shipped families for `zfbench identify`: epidemics, neurons with channels, mixtures.

Their loss is minus a log marginal likelihood, so two programs differ by nats. They have no generic programs: a
simulator that knows nothing of its system reaches none of the observations, and what the density estimator says of such
is an extrapolation.
"""

from __future__ import annotations

from collections.abc import Mapping

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.slots import channels, epidemics
from zfbench.discoverers.proposers.slots.grammar import Grammar
from zfbench.protocols.contenders import Contender, Contest
from zfbench.simulators.problem import SimulatorTask
from zfbench.tasks.hodgkin_huxley.programs import SEED_PROGRAM, TRUTH
from zfbench.tasks.mixtures.task import MixtureTask, models
from zfbench.tasks.sir.compartments import SLOTS
from zfbench.tasks.sir.task import TRUE_MODEL

EVIDENCE = "log marginal likelihood"
CHAIN = {slot: str(getattr(TRUE_MODEL, slot)) for slot in SLOTS}  # of the epidemics
STILL = CHAIN | {"infection": "none", "recovery": "none"}  # what the seed program of the epidemics does
NO_CHANNEL = dict(zip(channels.SLOTS, channels.GRAMMAR.simplest, strict=True))  # the seed program of the neurons
WITHOUT_M = "hodgkin_huxley-without"  # the task whose neurons have no further channel
RECORDED = "@"  # in the name of a task on the user's own recordings


def sir(task: SimulatorTask) -> Contest:
    """Return the contest of an epidemic: infection and recovery, and every other alternative of one slot."""
    grammar = epidemics.GRAMMAR
    contenders = [
        Contender("the chain that made the data", "truth", _written(grammar, CHAIN)),
        Contender("seed program of the task", "seed", task.seed_program),
    ]
    for slot in ("infection", "recovery"):
        name = f"{slot} {CHAIN[slot]}"
        contenders.append(Contender(name, "added", _written(grammar, STILL | {slot: CHAIN[slot]})))
        contenders.append(Contender(name, "removed", _written(grammar, CHAIN | {slot: "none"})))
    for slot, alternatives in SLOTS.items():
        for other in alternatives:
            if other not in (CHAIN[slot], STILL[slot]):
                contenders.append(Contender(f"{slot} {other}", "alternative", _written(grammar, CHAIN | {slot: other})))
    return Contest(tuple(contenders), EVIDENCE, scale="difference")


def hodgkin_huxley(task: SimulatorTask) -> Contest:
    """Return the contest of a neuron: the channel that it has, or none, and other channels and gates in its place.

    Raises:
        ZfbenchError: the task is on recordings, of which nobody knows the true program.
    """
    name = task.spec.name
    if RECORDED in name:
        raise ZfbenchError(f"Nobody knows the true program of '{name}', so it cannot be identified.")
    grammar = channels.GRAMMAR
    without = name == WITHOUT_M
    contenders = [Contender("no further channel", "truth" if without else "seed", SEED_PROGRAM)]
    if not without:
        contenders.append(Contender("M in the second slot", "truth", TRUTH))
        contenders.append(Contender("M in the second slot", "removed", SEED_PROGRAM))
        contenders.append(
            Contender("M in the first slot", "alternative", _written(grammar, NO_CHANNEL | {"channel_1": "M"}))
        )
        for gene, alternatives in (("power_2", channels.POWERS), ("tau_2", channels.FORMS)):
            for other in alternatives[1:]:
                source = _written(grammar, NO_CHANNEL | {"channel_2": "M", gene: other})
                contenders.append(Contender(f"M in the second slot, {gene[:-2]} {other}", "alternative", source))
    for channel in channels.FAMILIES[1:]:
        if channel != "M" or without:
            source = _written(grammar, NO_CHANNEL | {"channel_2": channel})
            contenders.append(Contender(f"{channel} in the second slot", "alternative", source))
    return Contest(tuple(contenders), EVIDENCE, scale="difference")


def mixtures(task: MixtureTask) -> Contest:
    """Return the contest of a mixture: the candidate that made the data, all others, and the seed program."""
    target = int(task.spec.name.rpartition(":")[2])
    contenders = [
        Contender(f"candidate {number}", "truth" if number == target else "alternative", model.source)
        for number, model in enumerate(models())
    ]
    contenders.append(Contender("seed program of the task", "seed", task.seed_program))
    return Contest(tuple(contenders), EVIDENCE, scale="difference")


def _written(grammar: Grammar, choices: Mapping[str, str]) -> str:
    """The program of a choice for each slot."""
    return grammar.render(tuple(choices[slot] for slot in grammar.slots))
