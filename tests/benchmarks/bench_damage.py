"""What the headline scores see of damage to the true circuit; prints the table of docs/scores.md.

    python tests/benchmarks/bench_damage.py --draws 10 --out damage.json

Each kind of damage (tests/zfbench/forecasting/damage.py) is applied in ascending doses, with as many draws of each. A
score sees a dose if it is, in the mean over draws, more than two standard errors below 1. Measured results are kept in
the JSON file and not measured again; `--kinds` chooses some.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parents[1] / "zfbench/forecasting"))
from damage import DAMAGES, HORIZON, STATES, Ruler

from zfbench.base.seeds import generator
from zfbench.tasks.zfish.family import ZFISH
from zfbench.testbed.published import published

NAMES = ("generalisation", "wiring", "responses", "mean")
LOW = 0.2  # below this mean score everything is broken, and an order of doses is no longer asked for


def measure(task: str, draws: int, kinds: list[str], path: Path) -> dict[str, dict]:
    """Scores by "kind dose draw", as [value, standard error] by name."""
    known = json.loads(path.read_text()) if path.exists() else {}
    ruler, circuit = Ruler(ZFISH.seal(task)), published()
    wanted = [
        (damage, dose, draw)
        for draw in range(draws)
        for damage, doses in DAMAGES.items()
        if not kinds or damage.__name__ in kinds
        for dose in doses
    ]
    for damage, dose, draw in wanted:
        key = f"{damage.__name__} {dose:g} {draw}"
        if key not in known:
            found = ruler.score(damage(circuit, dose, generator(key)), draw)
            known[key] = {name: [h.value, h.standard_error] for name, h in found.items()}
            path.write_text(json.dumps(known, indent=0))
    return known


def table(known: dict[str, dict], draws: int) -> str:
    """Markdown: a row for each kind, with the mean scores by dose and what sees it from which dose on."""
    rows = [
        "| damage | doses | mean score by dose | Spearman | generalisation sees | wiring sees | responses see |",
        "|---|---|---|---|---|---|---|",
    ]
    for damage, doses in DAMAGES.items():
        keys = [[f"{damage.__name__} {dose:g} {draw}" for draw in range(draws)] for dose in doses]
        if not all(key in known for of_dose in keys for key in of_dose):
            continue
        scores = np.array([[[known[key][name] for name in NAMES] for key in of_dose] for of_dose in keys])
        value, error = scores[..., 0].mean(axis=1), scores[..., 1].mean(axis=1)  # [doses, names]
        seen = [
            "never" if not s.any() else f"{doses[int(s.argmax())]:g}"
            for s in (1 - value > np.maximum(2 * error, 1e-6)).T
        ]
        cells = [damage.__name__.replace("_", " "), ", ".join(f"{dose:g}" for dose in doses)]
        cells += [", ".join(f"{v:.2f}" for v in value[:, 3]), order(np.array(doses), scores[..., 3, 0])]
        rows.append("| " + " | ".join(cells + seen[:3]) + " |")
    return "\n".join(rows)


def order(doses: np.ndarray, values: np.ndarray) -> str:
    """Spearman's correlation of dose and score over all draws, [doses, draws], of the doses until all is broken."""
    if len(doses) < 2:
        return "-"
    broken = values.mean(axis=1) < LOW
    last = int(broken.argmax()) + 1 if broken.any() else len(doses)
    rank = spearmanr(np.repeat(doses[:last], values.shape[1]), values[:last].ravel()).statistic
    return f"{rank:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="zfish-tiny/driven")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--kinds", nargs="*", default=[])
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    known = measure(chosen.task, chosen.draws, chosen.kinds, chosen.out)
    setting = f"{STATES} probe states, {HORIZON} steps, {chosen.draws} draws of each dose, {chosen.task}"
    sys.stdout.write(f"{setting}\n\n{table(known, chosen.draws)}\n")


if __name__ == "__main__":
    main()
