"""Shortcut against mechanism: programs that forecast familiar stimuli well, and are wired and respond differently."""

import argparse
from pathlib import Path

import zfbench
from zfbench.records.reading import load_folder

METHODS = {("driven_mlp", None), ("neuron_mlp_leak", None), ("oracle", None)}
RESULTS = Path(__file__).resolve().parents[2] / "leaderboard" / "results"  # of this checkout

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("shortcut.png"))
parser.add_argument("--results", type=Path, default=RESULTS, help="a folder of results")
options = parser.parse_args()

results = [
    result
    for result in load_folder(options.results)
    if result.task.name == "zfish-tiny/driven" and (result.method.name, result.method.proposer) in METHODS
]
zfbench.plot.scores(results).savefig(options.out, dpi=130)
table = zfbench.load_results(options.results)
table = table[(table.task == "zfish-tiny/driven") & table.method.isin([name for name, _ in METHODS])]
columns = ["forecast/id/skill_last_value", "headline/generalisation", "headline/wiring", "headline/responses"]
print(table.groupby("method")[columns].mean().round(2))
print(f"wrote {options.out}")
