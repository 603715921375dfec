"""The main commands, one after the other, on small budgets: for a version of Python that the test suite is not run on.

It needs nothing but zfbench: python tests/smoke.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SUITE = """
results = "measured"
limits = {updates = 3, seconds = 120}
[[block]]
tasks = ["zfish-tiny/driven"]
methods = ["oracle", "linear", "nlinear-c4"]
seeds = [0]
"""
SMALL = ("--updates", "3", "--seconds", "120")


def zfbench(folder: Path, *arguments: str) -> str:
    """Run a command there, and return what it printed; a command that fails ends this script with all that it said."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", "from zfbench.cli.app import main; main()", *arguments],
        cwd=folder,
        env=os.environ | {"ZFBENCH_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"zfbench {' '.join(arguments)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    sys.stdout.write(f"{time.monotonic() - began:6.1f} s  zfbench {' '.join(arguments)}\n")
    return done.stdout


def main() -> None:
    """Run the commands in a folder of their own."""
    sys.stdout.write(f"Python {sys.version.split()[0]}\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "suite.toml").write_text(SUITE, encoding="utf-8")
        zfbench(folder, "list", "--check")
        zfbench(folder, "data", "build")
        zfbench(folder, "data", "verify")
        zfbench(folder, "check-plugin", "puct")
        zfbench(folder, "suite", "run", "suite.toml")
        zfbench(folder, "run", "--task", "zfish-tiny/masked", "--budget", "evaluations=2", *SMALL, "--out", "search")
        zfbench(folder, "replay", "search")
        best = folder / "search" / "best.py"
        zfbench(folder, "judge", str(best), "--task", "zfish-tiny/masked", *SMALL, "--out", "judged.json")
        assert json.loads((folder / "judged.json").read_text(encoding="utf-8"))["status"] == "ok"
        zfbench(folder, "validate", "measured")
        assert "nlinear-c4" in zfbench(folder, "leaderboard", "measured")


if __name__ == "__main__":
    main()
