"""Processor seconds of this process and of all that it started, apart."""

from __future__ import annotations

import os
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from zfbench.sandbox.process import Child

TICK = 1 / os.sysconf("SC_CLK_TCK")
CLOCK_OF_PROCESS = 2  # as of clock_getcpuclockid(3) on Linux: user and system time, in nanoseconds


_lost = [0.0]  # seconds of processes whose namespace was ended with them, which nobody waits for


@contextmanager
def nothing_lost() -> Iterator[None]:
    """Inside, `children_seconds` also counts the programs' processes that are killed."""
    plain = Child.kill

    def kill(child: Child) -> None:
        before = children_seconds()
        plain(child)
        _lost[0] += max(0.0, before - children_seconds())

    with patch.object(Child, "kill", kill):
        yield


def children_seconds() -> float:
    """Processor seconds of every descendant, those that have ended and were waited for included."""
    spent, parents = {}, defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                pid = int(entry.name)
                spent[pid] = (int(fields[13]) + int(fields[14])) * TICK  # of its own children, waited for
                parents[int(fields[1])].append(pid)
    total, todo = spent[os.getpid()] + _lost[0], list(parents[os.getpid()])
    while todo:
        pid = todo.pop()
        todo += parents[pid]
        with suppress(OSError):
            total += spent[pid] + time.clock_gettime(((~pid) << 3) | CLOCK_OF_PROCESS)
    return total


@dataclass
class Meter:
    """Collects the cost of stages.

    Attributes:
        stages: of each name, the pairs (seconds of this process, seconds of its children), in order.
    """

    stages: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a block under a name; blocks of one name are added to its list."""
        children, own = children_seconds(), time.process_time()
        try:
            yield
        finally:
            own = time.process_time() - own
            self.stages[name].append((own, children_seconds() - children))

    def total(self) -> dict[str, tuple[float, float]]:
        """Of each name, the sums over its blocks."""
        return {name: (sum(a for a, _ in found), sum(b for _, b in found)) for name, found in self.stages.items()}


def median(values: list[float], digits: int = 4) -> float:
    """The median, rounded to so many significant digits."""
    return float(f"{statistics.median(values):.{digits}g}")


def best_of(run, repeats: int) -> list[float]:
    """Processor seconds of each of several runs of a function, one run before them not counted."""
    run()
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        run()
        taken.append(time.process_time() - began)
    return taken
