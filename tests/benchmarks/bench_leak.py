"""What a leak does for black boxes: programs that published searches found, again with other outputs; prints a table.

    python tests/benchmarks/bench_leak.py > tests/benchmarks/results/leak.md

Every black box that a published search of `zfish-tiny/driven` chose is trained and judged again with each output of
the family (the activity itself, a change of it, a leak's target), all else equal, with the seed of its search.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

import zfbench
from zfbench.discoverers.proposers.blackbox.render import parse, render
from zfbench.leaderboard.analyses.arms import arms
from zfbench.leaderboard.shipped import RESULTS
from zfbench.records.reading import load_folder

TASK = "zfish-tiny/driven"
OUTPUTS = ("leak", "change", "next")
SCORES = ("forecast/id/mae", "forecast/ood/mae", "headline/generalisation", "headline/wiring", "headline/responses")


def main() -> None:
    """Print a line for each program and output as soon as it is judged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help="take the search of this seed alone; repeatable")
    asked = parser.parse_args()
    (found,) = arms(load_folder(RESULTS))
    spec = zfbench.load_task(TASK).spec
    headings = " | ".join(name.split("/", 1)[1] for name in SCORES)
    sys.stdout.write(f"| seed | output | found with | {headings} |\n|---|---|---|{'---|' * len(SCORES)}\n")
    for run in found.runs["driven", "blackbox"]:
        if asked.seed and run.seed not in asked.seed:
            continue
        assert run.program is not None
        genotype = parse(run.program.source, spec)
        assert genotype is not None
        for output in OUTPUTS:
            program = render(replace(genotype, output=output))
            result = zfbench.judge(program, TASK, name="blackbox", seed=run.seed, updates=2_000, seconds=300.0)
            scores = " | ".join("-" if (value := result.metrics.get(n)) is None else f"{value:.3f}" for n in SCORES)
            sys.stdout.write(f"| {run.seed} | {output} | {genotype.output} | {scores} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
