"""What docs/results says of one search over two families, and with and without the wiring."""

import json
import math
import statistics

import pytest
from results_page import GENERALISATION, RESULTS, WORDS, written

from zfbench.leaderboard.analyses.arms import arms
from zfbench.leaderboard.statistics import mean_interval

ID_MAE, OOD_MAE = "forecast/id/mae", "forecast/ood/mae"


@pytest.fixture(scope="module")
def by_arm(measured):
    (found,) = (one for one in arms(measured) if one.method == "puct")
    return found


def of_pairs(by_arm, one, other):
    """Differences of two arms by measure, written: of errors as ratios."""
    pairs = [pair for pair in by_arm.pairs if (pair.one, pair.other) == (one, other)]
    bounds = {p.measure: (p.gap.estimate, p.gap.low, p.gap.high) for p in pairs}
    errors = ("error on trained stimuli", "error on the held-out stimulus", "held out over trained")
    values = {name: [written(math.exp(x) if name in errors else x) for x in found] for name, found in bounds.items()}
    return values, {p.measure for p in pairs if p.significant}, pairs[0].gap.n


def test_black_boxes_against_other_programs_without_the_wiring(shown, by_arm):
    found, significant, n = of_pairs(by_arm, "driven, blackbox", "driven, rate")
    seen, held_out, factor = (
        found[name] for name in ("error on trained stimuli", "error on the held-out stimulus", "held out over trained")
    )
    assert f"over black boxes and over the rate family, {WORDS[n]} pairs: on trained stimuli the black boxes" in shown
    assert (
        f"have {seen[0]} times the error of the rate family's programs (95 % interval {seen[1]} to {seen[2]})" in shown
    )
    assert f"On the held-out stimulus they have {held_out[0]} times the error of the rate family's programs" in shown
    assert f"programs ({held_out[1]} to {held_out[2]}) and" in shown
    assert f"the factor is {factor[0]} times as large as that of the rate family's programs ({factor[1]} to" in shown
    assert float(factor[1]) < 1 < float(factor[2])
    mean, wiring = found["mean"], found["wiring"]
    assert f"scores differ by {mean[0]} ({mean[1]} to {mean[2]}), the wiring by {wiring[0]} ({wiring[1]} to" in shown
    assert "none of these differences is significant" in shown
    assert not significant


def test_black_boxes_against_baselines_and_what_they_are(shown, by_arm, measured):
    runs = {run.seed: run for run in by_arm.runs["driven", "blackbox"]}
    last = next(r for r in measured if (r.method.name, r.task.name) == ("last_value", "zfish-tiny/driven")).metrics
    share = [
        statistics.geometric_mean(run.metrics[name] / last[name] for run in runs.values()) for name in (ID_MAE, OOD_MAE)
    ]
    assert f"{written(share[0])} times that of the last value and" in shown
    assert f"{written(share[1])} times that of the last value; their generalisation is" in shown
    forecaster = ("tsmixer-c256", "zfish-tiny/autonomous")
    others = {r.seed: r.metrics[ID_MAE] for r in measured if (r.method.name, r.task.name) == forecaster}
    logs = [math.log(run.metrics[ID_MAE] / others[seed]) for seed, run in runs.items()]
    gap = mean_interval(logs)
    times, low, high = (written(math.exp(x)) for x in (gap.estimate, gap.low, gap.high))
    assert f"{times} times that of `tsmixer-c256` ({low} to {high})" in shown
    own = mean_interval([run.metrics[GENERALISATION] for run in runs.values()])
    assert f"their generalisation is {written(own.estimate)} ± {written(own.half_width)}" in shown
    assert own.low > 0
    genes = {
        seed: next(line for line in run.program.source.splitlines() if line.startswith("# black-box genotype: "))
        for seed, run in runs.items()
    }
    leaky = {seed for seed, text in genes.items() if '"trunk": "neurons"' in text and '"output": "leak"' in text}
    scores = [runs[seed].metrics[GENERALISATION] for seed in leaky]
    assert f"{WORDS[len(leaky)]} of the {WORDS[len(runs)]} are a perceptron for each neuron whose output is" in shown
    assert f"have a generalisation of {written(min(scores))} to {written(max(scores))};" in shown
    rest = [written(runs[seed].metrics[GENERALISATION]) for seed in sorted(runs.keys() - leaky)]
    assert f"leak, and {' and '.join(rest)}." in shown
    assert not [e for run in runs.values() for e in run.evaluated if e.status == "timeout"]


def test_what_a_leak_does_for_black_boxes(shown, by_arm):
    """By the table that `tests/benchmarks/bench_leak.py` wrote."""
    text = (RESULTS.parents[1] / "tests" / "benchmarks" / "results" / "leak.md").read_text(encoding="utf-8")
    head, _, *rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines()]
    column = head.index("generalisation")
    found = {(int(row[0]), row[1]): float(row[column]) for row in rows}
    runs = {run.seed: run.metrics[GENERALISATION] for run in by_arm.runs["driven", "blackbox"]}
    assert {seed for seed, _ in found} == set(runs)
    (lacking,) = {int(row[0]) for row in rows if row[2] != "leak"}
    for seed, score in runs.items():  # the same training as that of the search's judgement
        assert found[seed, "leak" if seed != lacking else "next"] == pytest.approx(score, abs=6e-4)
    other = [found[seed, output] for seed in runs if seed != lacking for output in ("change", "next")]
    assert f"all else equal, those five have {written(min(other))} to {written(max(other))}," in shown
    assert f"and the other one with a leak rises to {written(found[lacking, 'leak'])}" in shown
    readme = " ".join((RESULTS.parents[1] / "README.md").read_text(encoding="utf-8").split())
    least = min(found[seed, "leak"] for seed in runs)
    most = max(score for (_, output), score in found.items() if output != "leak")
    assert (
        f"replacing the leak lowers generalisation from at least {written(least)} to at most {written(most)} (one"
        in readme
    )
    assert most < least


def test_one_search_with_the_wiring_and_without(shown, by_arm):
    found, significant, n = of_pairs(by_arm, "driven, rate", "masked, rate")
    assert f"with the mask and without it, {WORDS[n]} pairs:" in shown
    error, general, responses = (
        found[name] for name in ("error on the held-out stimulus", "generalisation", "responses")
    )
    assert f"responses differ by {responses[0]} ({responses[1]} to {responses[2]})," in shown
    assert f"generalisation by {general[0]} ({general[1]} to {general[2]}), and the error on the held-out" in shown
    assert f"stimulus is {error[0]} times as large ({error[1]} to {error[2]}); the first alone is significant" in shown
    assert significant == {"responses"}
    lift, low, high = found["lift of allowed pairs"]
    assert f"compares wiring between tracks, differs by {lift} ({low} to {high})." in shown
    assert "lift of allowed pairs" not in significant


def test_the_population_of_a_search():
    root = RESULTS.parents[1]
    found = json.loads((root / "tests" / "benchmarks" / "results" / "population.json").read_text(encoding="utf-8"))
    text = (root / "docs" / "results" / "live.md").read_text(encoding="utf-8")
    assert f"All {found['programs']} programs of one of these searches" in text
    for name, row in found["scores"].items():
        cells = [row[part] for part in ("lower quartile", "median", "upper quartile", "first")]
        cells.append(found["rank correlation with loss"][name])
        assert f"| {name.removeprefix('headline/')} | {' | '.join(map(written, cells))} |" in text
