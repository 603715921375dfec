"""What docs/identify.md says of trainers is what `tests/benchmarks/bench_trainer.py` printed."""

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
