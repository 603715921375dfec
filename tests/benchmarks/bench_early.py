"""What honest hidden state answers where kicks begin a context, and after whole contexts, beside the usual kicks.

    python tests/benchmarks/bench_early.py zfish-tiny/driven driven_gru --seed 0 --seed 1 --seed 2
    python tests/benchmarks/bench_early.py zfish-tiny/masked adaptation facilitation delay --updates 1000

A name is that of a reference program, or of a memory of the rate family, which all neurons of the family's start and of
the published circuit's form then have. Prints a line for each program, with the seconds that the other places take of
those of wiring and responses.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

import zfbench.baselines.programs
from zfbench.base.seeds import generator
from zfbench.discoverers.proposers.rate.genotype import GENES, start
from zfbench.discoverers.proposers.rate.render import render
from zfbench.discoverers.proposers.rate.truth import true_genotype
from zfbench.forecasting.early import STATES
from zfbench.forecasting.judge_early import impulse_score, judge_early
from zfbench.forecasting.judge_responses import ResponseJudge
from zfbench.forecasting.judge_wiring import judge_wiring
from zfbench.forecasting.model import ProgramModel
from zfbench.forecasting.probes import PROBE_CONTEXT, choose_states
from zfbench.records.limits import Limits
from zfbench.records.scores import Scores
from zfbench.runs.tasks import find_task
from zfbench.scoring.headline import responses
from zfbench.testbed.published import published


def sources(name: str, spec) -> dict[str, str]:
    """Programs by their names in the table."""
    if name not in GENES["memory"]:
        return {name: zfbench.baselines.programs.source(name)}
    forms = {"start": start(spec), "truth": true_genotype(published(), spec)}
    return {f"{form}, {name}": render(g.with_gene(g.groups, "memory", name).settled()) for form, g in forms.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task")
    parser.add_argument("names", nargs="+")
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--updates", type=int, default=2_000)
    given = parser.parse_args()
    loaded = find_task(given.task)
    task, sealed = loaded.task, loaded.judge.sealed
    whole = choose_states(sealed)
    asked = ResponseJudge(sealed, whole, PROBE_CONTEXT)
    asked.impulses(sealed.truth, Scores())  # the true responses are computed once, before the first program is timed
    asked.interventions(sealed.truth, Scores())
    programs = {name: source for wanted in given.names for name, source in sources(wanted, task.spec).items()}
    for name, source in programs.items():
        for seed in given.seed or [0]:
            with ProgramModel(source, task.spec, seed) as model:
                model.fit(task.train, task.validation, Limits(given.updates, 600.0))
                rng, began = generator(name, seed), time.monotonic()
                wiring = judge_wiring(model, sealed, whole, PROBE_CONTEXT, rng, Scores())
                found = responses(asked.impulses(model, Scores()), asked.interventions(model, Scores()))
                before, some = time.monotonic(), whole.take(np.arange(STATES))
                early = judge_early(model, sealed, some, rng)
                short, long = (impulse_score(model, sealed, some, C) for C in (PROBE_CONTEXT, sealed.spec.context))
                took = time.monotonic() - before, time.monotonic() - began
            sys.stdout.write(
                f"{name}, seed {seed}: wiring {wiring.value:.3f}, at the end of short contexts {early.kicked:.3f}, "
                f"at their beginning {early.wiring:.3f}{' (cold)' if early.cold else ''}; responses {found.value:.3f}; "
                f"impulses after {PROBE_CONTEXT} steps {short:.3f}, after {sealed.spec.context} {long:.3f}; "
                f"{took[0]:.1f} of {took[1]:.1f} s\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
