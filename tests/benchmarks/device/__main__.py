"""What a GPU does for zfbench, in one run under eight minutes and one file.

    python -m tests.benchmarks.device --out FILE.json
    python -m tests.benchmarks.device --device cpu --quick --out FILE.json    # whether every part runs

It needs JAX (with CUDA for a GPU), Flax, Optax, NumPy, SciPy and Numba; neither zfbench nor bubblewrap need be
installed, and `tests.benchmarks.device.stand_ins` takes the place of what else may be missing. Every part has a time of
its own. A part that fails, or whose time is over, keeps the figures that it had, with the reason; the file is written
after each. With `--device cpu` the times are processor seconds, so that a busy machine ends no part.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from tests.benchmarks.device.stand_ins import stand_in

ALL_SECONDS = 470  # of the whole run
NAMES = ("machine", "agreement", "batch", "product", "study", "precision", "reference")


def over(*_: object) -> None:
    """End a part."""
    raise TimeoutError("its time was over")


def main(arguments: list[str]) -> None:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.device", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--quick", action="store_true", help="sizes that take seconds and mean nothing")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    asked = parser.parse_args(arguments)
    clock, timer, told = (
        (time.process_time, signal.ITIMER_PROF, signal.SIGPROF)
        if asked.device == "cpu"
        else (time.monotonic, signal.ITIMER_REAL, signal.SIGALRM)
    )
    began = clock()
    for name in [name for name in os.environ if name.startswith(("JAX_", "XLA_"))]:
        del os.environ[name]  # what a shell has set changes no figure
    os.environ |= {
        "JAX_PLATFORMS": {"gpu": "cuda,cpu", "cpu": "cpu"}[asked.device],
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # the processes of a search share the card
    }
    content: dict[str, Any] = {"missing": stand_in(), "quick": asked.quick, "device": asked.device}
    from tests.benchmarks.device.parts import PARTS, QUICK, Sizes

    sizes = QUICK if asked.quick else Sizes()
    signal.signal(told, over)
    for name in asked.only:
        measure, seconds = PARTS[name]
        left = min(seconds, ALL_SECONDS - (clock() - began))
        figures: dict[str, Any] = {}
        content[name] = {"figures": figures}
        start = clock()
        try:
            signal.setitimer(timer, max(1, left))
            for what, value in measure(sizes):
                figures[what] = value
        except TimeoutError as error:
            content[name]["ended"] = str(error)
        except Exception:  # noqa: BLE001 (one part's failure must not cost the others, and is written down whole)
            content[name]["ended"] = traceback.format_exc()
        finally:
            signal.setitimer(timer, 0)
        content[name]["seconds"] = clock() - start
        asked.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        sys.stdout.write(
            f"{name}: {content[name]['seconds']:.0f} s, {len(figures)} figures"
            f"{', ended early' if 'ended' in content[name] else ''}\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
