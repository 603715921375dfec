"""What `zfbench leaderboard` costs for many results: processor seconds of its parts, and peak memory.

The results are copies of committed ones: every copy is of a method of its own with ten seeds, whose scores differ.

    python tests/benchmarks/bench_leaderboard.py 10000
    python tests/benchmarks/bench_leaderboard.py 10000 json    # text unless another format is named
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

SEEDS = 10  # of each method
USUAL = 1000  # results, unless another number is asked for


def make(folder: Path, count: int) -> None:
    """Write so many results of methods of their own, in turn copied from the committed ones."""
    from zfbench.leaderboard.shipped import RESULTS
    from zfbench.records.reading import load_folder

    known = load_folder(RESULTS)
    for number in range(count):
        method, seed = divmod(number, SEEDS)
        one = known[method % len(known)]
        record = one.method.model_copy(update={"name": f"{one.method.name}-{method}"})
        scores = {score: value * (1 - seed / 1000) for score, value in one.metrics.items()}
        one.model_copy(update={"method": record, "seed": seed, "metrics": scores}).write(folder / f"{number}.json")


def measure(folder: Path, style: str = "text") -> dict[str, float]:
    """Processor seconds of imports, reading, sorting onto boards and writing them in a format."""
    times = [time.process_time()]
    from zfbench.leaderboard.apart import apart
    from zfbench.leaderboard.board import boards, select
    from zfbench.leaderboard.tables import pieces
    from zfbench.records.reading import load_folders

    times.append(time.process_time())
    chosen = select(load_folders([folder], for_tables=True))
    times.append(time.process_time())
    found = boards(chosen)
    times.append(time.process_time())
    for _ in pieces(found, style):
        pass  # printed one after the other
    apart(found)
    times.append(time.process_time())
    names = ("imports", "load", "boards", "tables")
    return dict(zip(names, (b - a for a, b in pairwise(times)), strict=True))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        number = int(sys.argv[1]) if len(sys.argv) > 1 else USUAL
        make(Path(place), number)
        seconds = measure(Path(place), *sys.argv[2:3])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{number} results: {', '.join(f'{k} {v:.2f} s' for k, v in seconds.items())}; peak {peak:.0f} MB")  # noqa: T201
