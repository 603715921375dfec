"""What training makes of the true form and of each true feature alone; prints the tables of docs/spaces.md.

    python tests/benchmarks/bench_rate_family.py zfish-tiny/masked --updates 400 2000 --seed 0

Every program is trained by the harness's trainer with the same seed, so that differences are of the programs. Measured
results are kept in a JSON file by program, task, updates and seed, and not measured again.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path

from zfbench.discoverers.proposers.rate.genotype import GENES, INPUTS, RateGenotype, start
from zfbench.discoverers.proposers.rate.render import render
from zfbench.discoverers.proposers.rate.truth import true_genotype
from zfbench.forecasting.evaluator import ProgramEvaluator
from zfbench.forecasting.task import Task
from zfbench.records.evaluation import Evaluation
from zfbench.records.limits import Limits
from zfbench.records.program import Program
from zfbench.records.recordings import TaskSpec
from zfbench.tasks.zfish.family import ZFISH
from zfbench.testbed.published import published


def programs(spec: TaskSpec) -> Iterator[tuple[str, RateGenotype]]:
    """The genotypes to measure, with what they are."""
    seed, truth = start(spec), true_genotype(published(), spec)
    form, sparse = truth, seed
    for group in seed.groups:
        for inputs in INPUTS:
            form = form.with_gene([group], inputs, None)
            sparse = sparse.with_gene([group], inputs, getattr(truth.block(group), inputs))
    yield "start", seed
    yield "+ true inputs for all groups", sparse
    yield "+ eight hidden tanh units for all groups", seed.with_gene(seed.groups, "hidden", "tanh")
    yield "true form, all inputs", form
    yield "true form, true inputs", truth
    for group in seed.groups:
        for gene in GENES:
            choice = getattr(truth.block(group), gene)
            if choice != getattr(seed.block(group), gene):
                yield f"+ {group}: {gene} {choice}", seed.with_gene([group], gene, choice)


def measure(task: Task, genotype: RateGenotype, updates: int, seed: int) -> dict[str, float | str | None]:
    """Train and score: status, validation MAE, and the mean over groups of two logarithms of relative errors."""
    evaluation = ProgramEvaluator(task, Limits(updates=updates, seconds=900))(Program(render(genotype)), seed)
    return {
        "status": str(evaluation.status),
        "mae": evaluation.metrics.get("mae"),
        "log": _log(evaluation, "balanced_error"),
        "isolated": _log(evaluation, "isolated_error"),
        "seconds": evaluation.spend.device_seconds,
    }


def _log(evaluation: Evaluation, metric: str) -> float | None:
    return math.log(evaluation.metrics[metric]) if evaluation.ok else None


def say(line: str) -> None:
    """Print at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Measure what is missing, and print a table for each number of updates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task")
    parser.add_argument("--updates", type=int, nargs="+", default=[400, 2000])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--store", type=Path, default=Path("rate_family.json"))
    asked = parser.parse_args()
    task = ZFISH.load(asked.task)
    store = json.loads(asked.store.read_text()) if asked.store.exists() else {}
    for updates in asked.updates:
        say(f"\n{asked.task}, {updates} updates, seed {asked.seed}\n\n| program | MAE | log by group | isolated |")
        say("|---|---|---|---|")
        for name, genotype in programs(task.spec):
            key = f"{Program(render(genotype)).id} {asked.task} {updates} {asked.seed}"
            if key not in store:
                store[key] = {"program": name, **measure(task, genotype, updates, asked.seed)}
                asked.store.write_text(json.dumps(store, indent=1))
            found = store[key]
            if found["status"] == "ok":
                say(f"| {name} | {found['mae']:.4f} | {found['log']:.3f} | {found['isolated']:.3f} |")
            else:
                say(f"| {name} | {found['status']} | - | - |")


if __name__ == "__main__":
    main()
