"""The contest of a task of the larva for `zfbench identify`: the circuit's form, its neighbours, and rivals.

All programs have their constants learned; the true ones are in none of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from zfbench.base.errors import ZfbenchError
from zfbench.baselines import programs
from zfbench.discoverers.proposers.blackbox.family import BlackBoxFamily
from zfbench.discoverers.proposers.rate.genotype import GENES, INPUTS, RateGenotype, start
from zfbench.discoverers.proposers.rate.render import render
from zfbench.discoverers.proposers.rate.truth import true_genotype
from zfbench.forecasting.task import Task
from zfbench.protocols.contenders import Contender, Contest
from zfbench.records.recordings import BALANCED, PLAIN
from zfbench.tasks.zfish.name import ZfishName
from zfbench.testbed.published import load as load_circuit

METRICS = {BALANCED: "balanced_error", PLAIN: "mae", "balanced, isolated": "isolated_error"}


def zfish(task: Task) -> Contest:
    """Return the contest of a task of the larva.

    Raises:
        ZfbenchError: the task shows no drive.
    """
    spec = task.spec
    if not spec.drive:
        raise ZfbenchError(
            f"The task '{spec.name}' shows no drive, and without it no program can be the true circuit; identify "
            f"'{spec.name.replace('autonomous', 'driven')}' instead."
        )
    seed = start(spec)
    truth = true_genotype(load_circuit(ZfishName.parse(spec.name).circuit), spec)
    hidden = seed.with_gene(seed.groups, "hidden", "tanh")
    blackbox = BlackBoxFamily()
    contenders = [
        Contender("true form, true inputs", "truth", render(truth)),
        Contender("start of the rate family", "seed", render(seed)),
        Contender("seed program of the task", "seed", task.seed_program),
        Contender("eight hidden units for all groups", "generic", render(hidden)),
        Contender("start of the black-box family", "generic", blackbox.render(blackbox.start(spec))),
    ]
    reference = "masked_mlp" if spec.masked else "driven_mlp"
    contenders.append(Contender(f"reference program {reference}", "generic", programs.source(reference)))
    for name, added, removed in features(seed, truth):
        contenders.append(Contender(name, "added", render(added)))
        contenders.append(Contender(name, "removed", render(removed)))
    others = {name: metric for name, metric in METRICS.items() if name != spec.objective}
    return Contest(tuple(contenders), spec.objective, others)


def features(seed: RateGenotype, truth: RateGenotype) -> Iterator[tuple[str, RateGenotype, RateGenotype]]:
    """Yield each feature in which the truth differs from the seed, with the seed that has it and the truth without it.

    A feature is one gene of one group, or the inputs of all groups together.
    """
    for group in seed.groups:
        for gene in GENES:
            before, after = getattr(seed.block(group), gene), getattr(truth.block(group), gene)
            if before != after:
                added, removed = seed.with_gene([group], gene, after), truth.with_gene([group], gene, before)
                yield f"{group}: {gene} {after}", added, removed
    added, removed = seed, truth
    for group in seed.groups:
        for inputs in INPUTS:
            added = added.with_gene([group], inputs, getattr(truth.block(group), inputs))
            removed = removed.with_gene([group], inputs, getattr(seed.block(group), inputs))
    yield "inputs of all groups", added, removed
