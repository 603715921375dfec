"""Read a discovered program: its source, its scores, and its wiring beside that of the true circuit."""

import argparse
from pathlib import Path

import zfbench
from zfbench.records.reading import load

PICTURE = "connectivity/mean_jacobian"
RESULTS = Path(__file__).resolve().parents[2] / "leaderboard" / "results"  # of this checkout

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("wiring.png"))
parser.add_argument("--results", type=Path, default=RESULTS, help="a folder of results")
options = parser.parse_args()

searches = list(options.results.glob("zfish-tiny-masked__modelsmc__grammar__50-evaluations*__seed0.json"))
if len(searches) != 1:
    parser.error(f"{options.results} is not the folder of published results; name leaderboard/results of a checkout")
result, truth = load(searches[0]), load(options.results / "zfish-tiny-masked__oracle__seed0.json")
spec = zfbench.load_task("zfish-tiny/masked").spec
print(result)
print(result.program.source)
zfbench.plot.wiring(result.pictures[PICTURE], spec, "found").savefig(options.out, dpi=130)
beside = options.out.with_stem(f"{options.out.stem}_true")
zfbench.plot.wiring(truth.pictures[PICTURE], spec, "true circuit").savefig(beside, dpi=130)
print(f"wrote {options.out} and {beside}")
