"""What docs/identify.md says of trainers is what `tests/benchmarks/bench_trainer.py` printed."""

import re
from itertools import pairwise

from results_page import ROOT

PRINTED = ROOT / "tests" / "benchmarks" / "results"
TRUE, HIDDEN = "true form, true inputs", "eight hidden units for all groups"


def rows(name):
    """Mean absolute errors and logarithms of the balanced error by program, trainer and updates, as text."""
    text = (PRINTED / name).read_text(encoding="utf-8")
    cells = [[cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines()[2:]]
    return {(program, trainer, int(updates)): (mae, log) for program, updates, trainer, mae, log, _ in cells}


def document():
    return (ROOT / "docs" / "identify.md").read_text(encoding="utf-8")


def test_every_row_is_what_was_printed():
    found, text = rows("trainers.md"), document()
    pairs = {(program, trainer) for program, trainer, _ in found}
    assert len(pairs) == 25
    for program, trainer in pairs:
        cells = [program, trainer]
        for updates in (400, 2000):
            mae, log = found[program, trainer, updates]
            cells += [" ".join(error.replace("0.", ".", 1) for error in mae.split()), log]
        assert f"| {' | '.join(cells)} |" in text


def test_the_true_form_without_the_mask():
    found, text = rows("trainers-driven.md"), document()
    trainers = list(dict.fromkeys(trainer for _, trainer, _ in found))
    assert trainers == ["shipped", "clip .1 in one step", "beta_2 .95 in one step", "quick_curriculum"]
    logs = {}
    for trainer in trainers:
        short, long = (found[TRUE, trainer, updates][1] for updates in (1000, 2000))
        assert f"| {TRUE} | {trainer.replace('quick_curriculum', '`quick_curriculum`')} | {short} | {long} |" in text
        logs[trainer] = [float(log) for log in f"{short} {long}".split()]
    for one, other in pairwise(trainers):  # "each of them is lower than the one before in all three replicates"
        assert all(b < a for a, b in zip(logs[one], logs[other], strict=True))
    assert set(found[TRUE, "quick_curriculum", 2000][0].split()) == {"0.0005"}
    assert "its mean absolute error is .0005 at 2,000 updates" in " ".join(text.split())
    masked = re.findall(rf"^\| {TRUE} \| `quick_curriculum` \|(.*)\|$", text, re.MULTILINE)[0].split("|")
    ranges = [sorted(map(float, cell.split())) for cell in masked]
    said = " and ".join(f"{own[-1]:.2f} to {own[0]:.2f}" for own in ranges)
    assert f"the same schedule gives it logarithms of {said} (table before this one)" in " ".join(text.split())
    with_mask = [float(log) for cell in masked for log in cell.split()]
    assert max(abs(a - b) for a, b in zip(logs["quick_curriculum"], with_mask, strict=True)) < 0.2  # "about as well"


def test_six_seeds_of_the_shipped_trainer():
    found, text = rows("trainers-six-seeds.md"), " ".join(document().split())
    errors = {key: ([*map(float, mae.split())], [*map(float, log.split())]) for key, (mae, log) in found.items()}
    true, hidden = (errors[program, "shipped", 2000][0] for program in (TRUE, HIDDEN))
    assert len(true) == len(hidden) == 6
    ends = [f"{bound(own):.4f}".replace("0.", ".", 1) for own in (true, hidden) for bound in (min, max)]
    assert (
        f"MAE {ends[0]} to {ends[1]}, about an eighth of that of eight hidden units ({ends[2]} to {ends[3]})." in text
    )
    assert 7 < sum(hidden) / sum(true) < 9
    (plain, balanced), (other, other_balanced) = (errors[program, "shipped", 400] for program in (TRUE, HIDDEN))
    assert sum(a < b for a, b in zip(balanced, other_balanced, strict=True)) == 6
    assert sum(a < b for a, b in zip(plain, other, strict=True)) == 4
    assert "eight hidden units in all six, in the plain one in four" in text
