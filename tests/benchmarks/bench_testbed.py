"""Microseconds per simulated millisecond: the closed loop, and replay of its drive and activity."""

from __future__ import annotations

import time
from collections.abc import Callable

from zfbench.testbed import published
from zfbench.testbed.drive import activity, expand
from zfbench.testbed.larva import WARM_UP_MS, draw_world, run_closed_loop

STEPS = 20_000


def best_us_per_ms(run: Callable[[], object], milliseconds: int, repeats: int = 5) -> float:
    """The fastest of several runs, the first of which compiles and does not count."""
    run()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return min(seconds) / milliseconds * 1e6


def measure() -> dict[str, float]:
    """Figures by name, in microseconds per simulated millisecond on one core."""
    circuit = published.load("published")
    world = draw_world("left", STEPS + WARM_UP_MS, 0)
    recording = run_closed_loop(circuit, world, "left", STEPS, 0).drive
    return {
        "closed loop": best_us_per_ms(lambda: run_closed_loop(circuit, world, "left", STEPS, 0), STEPS + WARM_UP_MS),
        "drive replay": best_us_per_ms(lambda: expand(recording), STEPS),
        "drive and activity replay": best_us_per_ms(lambda: activity(circuit, recording), STEPS),
    }


if __name__ == "__main__":
    for name, figure in measure().items():
        print(f"{name}: {figure:.2f} us per ms")  # noqa: T201
