"""Follow a search: a line for each program when it has been evaluated, and the curve of the losses at the end."""

import argparse
from pathlib import Path

import zfbench

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("search.png"))
parser.add_argument("--folder", type=Path, default=Path("followed-search"), help="folder of the run")
parser.add_argument("--evaluations", type=int, default=12)
parser.add_argument("--updates", type=int, default=200, help="optimiser steps of each candidate")
parser.add_argument("--final-updates", type=int, default=2_000, help="optimiser steps of the training that is judged")
options = parser.parse_args()


def follow(program, evaluation, request):
    """Print one evaluated program."""
    loss = f"{evaluation.loss:.4f}" if evaluation.ok else evaluation.status
    print(f"{request.id:3d} {request.operator:<10} {loss:<10} {program.summary.splitlines()[0][:60]}", flush=True)


result = zfbench.run(
    "zfish-tiny/driven",
    "puct",
    budget={"evaluations": options.evaluations, "updates": options.updates},
    updates=options.final_updates,
    folder=options.folder,
    on_program=follow,
)
print(result)
zfbench.plot.search(result).savefig(options.out, dpi=130)
print(f"wrote {options.out}")
