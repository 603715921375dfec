"""What README and docs/results say of live searches is what the committed results say."""

import itertools
import json
import math
import statistics

import pytest
from results_page import MEAN, ROOT, WIRING, WORDS, written

from zfbench.leaderboard.analyses.landscape import correlation
from zfbench.leaderboard.analyses.searches import LOSS, comparisons, depth, order_agreement
from zfbench.leaderboard.analyses.searches_report import read_races
from zfbench.leaderboard.analyses.unsearched import against_programs
from zfbench.leaderboard.board import boards
from zfbench.leaderboard.claims import read_claims
from zfbench.leaderboard.shipped import CLAIMS
from zfbench.leaderboard.statistics import Interval, mean_interval, seeds_needed
from zfbench.leaderboard.table_files import files_of
from zfbench.leaderboard.verdicts import check, hold_together
from zfbench.records.reading import load_folder


@pytest.fixture(scope="module")
def searches(measured):
    """The comparison of live searches with the mask, which all have ten seeds."""
    (found,) = (c for c in comparisons(measured) if c.task == "zfish-tiny/masked")
    assert {len(runs) for runs in found.runs.values()} == {10}
    return found


@pytest.fixture(scope="module")
def against(measured):
    """Searches against the best program that nobody searched, by task."""
    rows = [row for board in boards(measured) for table in board.tables for row in table.rows]
    return {found.task: found for found in against_programs(rows)}


def test_what_the_searches_found(shown, searches, measured):
    scores = {name: mean_interval(list(searches.by_seed(name, MEAN).values())).estimate for name in searches.runs}
    listed = ", ".join(f"`{name}` {written(scores[name])}" for name in sorted(scores, key=scores.__getitem__)[::-1])
    assert f"the programs that won have means of the headline scores of {listed};" in shown
    ceiling = [r.metrics[MEAN] for r in measured if (r.method.name, r.task.name) == ("ceiling", searches.task)]
    assert f"the ceiling has {written(mean_interval(ceiling).estimate)}." in shown
    assert max(scores.values()) < min(ceiling) - 0.1


def significant(comparison, measure):
    """Every significant pair of a measure, as the page says it, and the number of pairs."""
    said, pairs = [], [pair for pair in comparison.pairs if pair.measure == measure]
    for pair in (pair for pair in pairs if pair.significant):
        values, names = (pair.gap.estimate, pair.gap.low, pair.gap.high), (pair.one, pair.other)
        if (values[0] < 0) != (measure == LOSS):  # the better one first: a lower loss, or a higher score
            values, names = (-values[0], -values[2], -values[1]), names[::-1]
        size, low, high = (written(math.exp(v) if measure == LOSS else v) for v in values)
        than = f"has {size} times that of" if measure == LOSS else f"is {size} above"
        said.append(f"`{names[0]}` {than} `{names[1]}` ({low} to {high})")
    return said, len(pairs)


def test_which_searches_differ_by_the_loss(shown, searches):
    said, count = significant(searches, LOSS)
    assert f"By the loss after the finals {WORDS[len(said)]} of {WORDS[count]} pairs differ signif" in shown
    assert not [sentence for sentence in said if sentence not in shown]
    detectable = sorted(pair.detectable for pair in searches.pairs if pair.measure == LOSS)
    assert f"a power of 80 % for a ratio of {math.exp(detectable[count // 2]):.2f}" in shown


def test_how_deep_the_judged_programs_are(shown, searches):
    depths = {name: statistics.fmean(map(depth, runs)) for name, runs in searches.runs.items()}
    first, *others = (f"{depths[name]:.1f}" for name in ("puct", "modelsmc", "funsearch", "best_of_n"))
    assert f"program is {first} proposals away from the seed program with `puct` in the mean, {others[0]} with" in shown
    assert f"{others[0]} with `modelsmc`, {others[1]} with `funsearch` and {others[2]} with `best_of_n`." in shown


def test_whether_a_lower_loss_goes_with_better_wiring(shown, searches):
    values = {m: [v for name in searches.runs for v in searches.by_seed(name, m).values()] for m in (LOSS, WIRING)}
    found = correlation(values[LOSS], values[WIRING])
    assert f"a lower loss goes with better wiring ({written(found.value)}). So whether" in shown
    assert found.high < 0


def test_which_searches_differ_by_the_mean_of_the_scores(shown, searches):
    said, _ = significant(searches, MEAN)
    assert f"By the mean of the headline scores {WORDS[len(said)]} of them" in shown
    assert not [sentence for sentence in said if sentence not in shown]


def test_searches_against_what_nobody_searched(shown, against):
    found = against["zfish-tiny/masked"]
    assert f"(`{found.program}`, {written(mean_interval(list(found.reference.values())).estimate)})" in shown
    better = [pair for pair in found.pairs if pair.significant and pair.gap.estimate > 0]
    assert not [pair for pair in found.pairs if pair.significant and pair.gap.estimate < 0]
    listed = []
    for pair in sorted(better, key=lambda pair: -pair.gap.estimate):
        size, low, high = map(written, (pair.gap.estimate, pair.gap.low, pair.gap.high))
        listed.append(f"`{pair.one.split(' ')[0]}` by {size} ({low} to {high})")
    assert f"are significantly better: {', '.join(listed[:-1])} and {listed[-1]}" in shown
    (only,) = (pair for pair in against["zfish-tiny/driven"].pairs if pair.significant)
    size, low, high = map(written, (only.gap.estimate, only.gap.low, only.gap.high))
    assert f"Without the mask `{only.one.split(' ')[0]}` alone is, by {size} ({low} to {high})." in shown


def test_searches_without_the_mask(shown, measured, against):
    (found,) = (c for c in comparisons(measured) if c.task == "zfish-tiny/driven")
    walk = found.runs["random_walk"]
    assert [run.seed for run in walk] == list(range(len(walk)))
    (seeds,) = {len(runs) for runs in found.runs.values()} - {len(walk)}
    assert set(found.runs) == {"puct", "best_of_n", "modelsmc", "funsearch", "random_walk"}
    assert f"`puct`, `best_of_n`, `modelsmc` and `funsearch` have {WORDS[seeds]} seeds each, and none of" in shown
    assert f"`random_walk` has the first {WORDS[len(walk)]} seeds." in shown
    ((pair,), pairs), by_mean = significant(found, LOSS), significant(found, MEAN)
    assert f"By the loss after the finals one of all {WORDS[pairs]} pairs differs: {pair}. By the mean" in shown
    assert by_mean == ([], pairs)
    scores = {name: mean_interval(list(found.by_seed(name, MEAN).values())).estimate for name in found.runs}
    listed = ", ".join(f"`{name}` {written(scores[name])}" for name in sorted(scores, key=scores.__getitem__)[::-1])
    reference = mean_interval(list(against[found.task].reference.values())).estimate
    assert f"The means are {listed}, that of `{against[found.task].program}` {written(reference)}," in shown
    shows = {
        measure: sorted(pair.detectable for pair in found.pairs if pair.measure == measure)[pairs // 2]
        for measure in (LOSS, MEAN)
    }
    ratio, difference = f"{math.exp(shows[LOSS]):.2f}", written(shows[MEAN])
    assert f"80 % for a ratio of losses of {ratio} and a difference of means of {difference} (medians" in shown


def test_puct_beats_its_controls_by_itself_and_not_among_all_claims(shown, measured):
    answers = [check(claim, measured) for claim in read_claims(CLAIMS)]
    ((answer, held),) = (
        (answer, held)
        for answer, held in zip(answers, hold_together(answers), strict=True)
        if answer.claim.id == "puct-beats-its-controls"
    )
    assert answer.verdict == "supported"
    assert not held
    assert (
        "The claim `puct-beats-its-controls` is supported, but not once all claims are corrected for together" in shown
    )


def test_how_many_seeds_the_finite_space_needs(shown):
    race = json.loads((ROOT / files_of("zfish-table/masked").race).read_text(encoding="utf-8"))
    pairs = {(p["one"], p["other"]): p["regret"] for p in race["pairs"] if p["budget"] == 50}
    walk, smc = (
        seeds_needed(Interval(gap["mean"], gap["low"], gap["high"], 200))
        for gap in (pairs["puct", "random_walk"], pairs["puct", "modelsmc"])
    )
    assert (
        f"`puct` and `random_walk` needs {walk} seeds after 50 evaluations, and one of `puct` and `modelsmc` {smc};"
        in shown
    )


@pytest.fixture(scope="module")
def drawn():
    """Searches for which whole programs are drawn, too few to stand among the others."""
    found = load_folder(ROOT / "tests" / "benchmarks" / "results" / "uniform-draws")
    assert [(run.method.name, run.task.name, run.seed, run.status) for run in found] == [
        ("uniform_draws", "zfish-tiny/driven", 0, "ok"),
        ("uniform_draws", "zfish-tiny/masked", 0, "ok"),
        ("uniform_draws", "zfish-tiny/masked", 1, "ok"),
    ]
    return found


@pytest.fixture(scope="module")
def with_drawn(measured, drawn):
    """The comparisons with these searches, with the mask and without it."""
    found = {c.task: c for c in comparisons([*measured, *drawn]) if "uniform_draws" in c.runs}
    for c in found.values():
        assert set(c.runs) == {"uniform_draws", "best_of_n", "random_walk", "puct", "modelsmc", "funsearch"}
    return [found[f"zfish-tiny/{track}"] for track in ("masked", "driven")]


def test_searches_for_which_whole_programs_are_drawn(shown, with_drawn):
    def ends(comparison, name, measure, *seeds):
        values = [comparison.by_seed(name, measure)[seed] for seed in seeds]
        return [written(math.exp(value) if measure == LOSS else value) for value in values]

    masked, driven = with_drawn
    loss, walk = (ends(masked, name, LOSS, 0, 1) for name in ("uniform_draws", "random_walk"))
    mean = ends(masked, "uniform_draws", MEAN, 0, 1)
    assert (
        f"two searches with the mask, seeds 0 and 1, end with losses of {loss[0]} and {loss[1]}, where `random_walk` "
        f"has {walk[0]} and {walk[1]}, and with means of the headline scores of {mean[0]} and {mean[1]};" in shown
    )
    (loss,), (walk,) = (ends(driven, name, LOSS, 0) for name in ("uniform_draws", "random_walk"))
    (mean,) = ends(driven, "uniform_draws", MEAN, 0)
    assert f"one without it, seed 0, ends with {loss} (`random_walk` {walk}) and {mean}." in shown
    races, taus = read_races(ROOT / "leaderboard" / "tables"), []
    for c in with_drawn:
        others = [value for name in c.runs if name != "uniform_draws" for value in c.by_seed(name, LOSS).values()]
        assert min(c.by_seed("uniform_draws", LOSS).values()) > max(others)
        tau, live, table = order_agreement(c, races[c.task][50])
        assert live[-1] == "uniform_draws"
        assert table.index("uniform_draws") < table.index("modelsmc")
        taus.append(written(tau))
    assert f"tau is {taus[0]} with the mask and {taus[1]} without it, over six methods each." in shown


def test_what_whole_drawn_programs_cost_and_how_many_failed(with_drawn):
    text = " ".join((ROOT / "docs" / "results" / "live.md").read_text(encoding="utf-8").split())
    runs = [run for c in with_drawn for run in c.runs["uniform_draws"]]
    failed = [sum(entry.status != "ok" for entry in run.evaluated) for run in runs]
    assert f"Of 47 programs {failed[0]} and {failed[1]} failed, and {failed[2]} without the mask" in text
    assert {len(run.evaluated) for run in runs} == {47}
    hours = [f"{run.spend.device_seconds / 3600:.1f}" for run in runs]
    assert f"took {hours[0]} and {hours[1]} hours of device time (an Intel Xeon), and {hours[2]} hours without" in text
    assert {entry.status for run in runs for entry in run.evaluated} == {"ok", "non_finite"}


def test_what_walks_without_the_mask_cost(measured):
    text = " ".join((ROOT / "docs" / "results" / "live.md").read_text(encoding="utf-8").split())
    walks = sorted(
        (r for r in measured if (r.method.name, r.task.name) == ("random_walk", "zfish-tiny/driven")),
        key=lambda run: run.seed,
    )
    *first, last = (f"{run.spend.device_seconds / 3600:.1f}".lstrip("0") for run in walks)
    assert f"Without the mask `random_walk` has {WORDS[len(walks)]} of the ten seeds, the first ones:" in text
    assert f"searches took {', '.join(first)} and {last} hours of device time" in text


def test_the_readme_says_the_same(searches, against):
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    losses = {(p.one, p.other): p for p in searches.pairs if p.measure == LOSS}
    assert "Over ten seeds, with the mask, `puct` has a lower loss than a blind walk and than best of N" in text
    assert "but is not told apart from `modelsmc` and `funsearch`;" in text
    assert not losses["modelsmc", "puct"].significant
    assert not losses["funsearch", "puct"].significant
    assert losses["puct", "random_walk"].significant
    assert losses["best_of_n", "puct"].significant
    assert losses["puct", "random_walk"].gap.high < 0 < losses["best_of_n", "puct"].gap.low
    better = [pair for pair in against["zfish-tiny/masked"].pairs if pair.significant]
    counts = f"{WORDS[len(better)]} of {WORDS[len(searches.runs)]} methods"
    assert f"{counts} find better models than the best program that nobody searched" in text
    assert "is that `modelsmc` is below the blind walk (four seeds)." in text  # tested above


def test_how_many_programs_two_methods_have_in_common(measured):
    text = " ".join((ROOT / "docs" / "results" / "live.md").read_text(encoding="utf-8").split())
    tracks = {c.task.split("/")[1]: c.runs for c in comparisons(measured) if c.task.startswith("zfish-tiny/")}
    medians, same = {}, {}
    for track, runs in tracks.items():
        for pair in itertools.combinations(sorted(runs), 2):
            one, other = ({run.seed: run for run in runs[name]} for name in pair)
            programs = [{seed: {e.program for e in run.evaluated} for seed, run in of.items()} for of in (one, other)]
            assert {len(own) for of in programs for own in of.values()} == {47}
            both = sorted(one.keys() & other.keys())
            medians.setdefault(pair, []).append(statistics.median(len(programs[0][s] & programs[1][s]) for s in both))
            same[track, pair] = sum(one[seed].program.id == other[seed].program.id for seed in both)
    close = ("best_of_n", "funsearch")
    assert medians[close] == [25.5, 25.5]
    assert "with the same seed have 25.5 in common (median over seeds; with the mask and without it)" in text
    chosen = f"in {same['masked', close]} of 10 seeds with the mask and {same['driven', close]} of 10 without it they"
    assert chosen in text
    with_modelsmc = [medians[pair] for pair in (("best_of_n", "modelsmc"), ("funsearch", "modelsmc"))]
    assert with_modelsmc == [[12, 12]] * 2
    assert "`modelsmc` has 12 in common with each of the two; all other pairs have 2 or 2.5." in text
    others = [value for pair, values in medians.items() if len({*pair} - {*close, "modelsmc"}) for value in values]
    assert set(others) == {2, 2.5}
