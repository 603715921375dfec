"""The evaluation script of ShinkaEvolve: it asks zfbench's server, which trains, keeps the budget and judges.

Lange, Imajuku & Cetin 2025, arXiv 2509.19349. ShinkaEvolve runs

    python shinka.py --program_path PROGRAM --results_dir FOLDER

for each program and reads `metrics.json` and `correct.json` from the folder. `zfbench serve` prints the address and the
token of the server, which the environment variables ZFBENCH_URL and ZFBENCH_TOKEN hand on. Needs no extra.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from urllib.error import URLError

from zfbench.adapters.told import ask, combined_score


def evaluate(url: str, token: str, program: Path, folder: Path) -> None:
    """Write what the server says of a program, in ShinkaEvolve's two files.

    Args:
        url: address of the server.
        token: its token.
        program: file of the program.
        folder: where the files are written; it is made if it is not there.
    """
    told = ask(url, token, program)
    loss, feedback = told.get("loss"), told.get("feedback", "")
    error = told.get("error") or (None if loss is not None else f"{told['status']}: {feedback}")
    metrics = {
        "combined_score": combined_score(loss),  # 0 is what ShinkaEvolve gives a failure; higher is better
        "public": {} if loss is None else {"loss": loss},
        "private": {},
        "text_feedback": feedback,
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("metrics", metrics), ("correct", {"correct": error is None, "error": error})):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Ask zfbench's server for the evaluation of a program.")
    parser.add_argument("--program_path", type=Path, required=True)
    parser.add_argument("--results_dir", type=Path, required=True)
    given = parser.parse_args()
    try:
        evaluate(os.environ["ZFBENCH_URL"], os.environ["ZFBENCH_TOKEN"], given.program_path, given.results_dir)
    except KeyError as missing:
        sys.exit(f"{missing.args[0]} is not set; `zfbench serve` prints what it has to be.")
    except URLError as unreachable:
        sys.exit(f"No server answers at {os.environ['ZFBENCH_URL']} ({unreachable.reason}); start `zfbench serve`.")
