"""What zfbench costs on this machine, in one run and one file.

    python -m tests.benchmarks.performance --out FILE.json                # all parts; some eight minutes
    python -m tests.benchmarks.performance --out FILE.json --only judge   # measures this part (again), keeps the others
    python -m tests.benchmarks.performance --out FILE.json --quick        # whether the parts run; figures mean nothing
    python -m tests.benchmarks.performance --write-docs                   # the tables of docs/performance.md

A part that is in the file is not measured again unless it is named by `--only`, so an interrupted run goes on where it
was; each is written when it is done. Figures are processor seconds, user and system time together: other work on the
machine still slows them, but is not counted in.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from pathlib import Path

from zfbench.base.numerics import fix_environment

PARTS = {
    "candidate": "candidate:measure",
    "training": "training:measure",
    "peers": "peers:measure",
    "populations": "populations:measure",
    "judge": "judge:measure",
    "testbed": "logic:testbed",
    "search": "logic:search",
    "growth": "growth:measure",
}


def rounded(value: object) -> object:
    """Floating-point numbers of a JSON value with four significant digits."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    return [rounded(entry) for entry in value] if isinstance(value, list | tuple) else value


def main(arguments: list[str]) -> None:
    """Measure, or write the documentation's tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.performance", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, help="the file to write; parts that it holds are kept")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="parts to measure, also if they are there")
    parser.add_argument("--quick", action="store_true", help="sizes that take seconds and mean nothing")
    parser.add_argument("--write-docs", action="store_true", help="write the tables of docs/performance.md")
    asked = parser.parse_args(arguments)
    if asked.write_docs:
        from tests.benchmarks.performance.tables import write

        write()
    if asked.out is not None:
        fix_environment()
        measure(asked.out, asked.only, asked.quick)


def measure(out: Path, only: list[str] | None, quick: bool) -> None:
    """Measure the parts that are asked for, or missing, and write the file after each."""
    from zfbench.base import machine

    content = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    for name in only or [part for part in PARTS if part not in content]:
        module, _, function = PARTS[name].partition(":")
        began, load = time.monotonic(), os.getloadavg()[0]
        figures = getattr(importlib.import_module(f"tests.benchmarks.performance.{module}"), function)(quick)
        wall = time.monotonic() - began
        content[name] = rounded({**figures, "wall_seconds": wall, "load": [load, os.getloadavg()[0]]})
        content["machine"] = {
            "processor": machine.processor(),
            "features": machine.features(),
            "cores": os.cpu_count(),
            "libraries": machine.library_versions(),
            "quick": quick,
        }
        out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        sys.stdout.write(f"{name}: {wall:.0f} s\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
