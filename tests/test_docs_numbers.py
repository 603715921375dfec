"""What README and docs/results say in sentences is what the committed results say."""

import json
import math
import statistics

import numpy as np
import pytest
from results_page import GENERALISATION, MEAN, RESPONSES, ROOT, WIRING, WORDS, written

import zfbench
from zfbench.discoverers.proposers.rate.subspace import RateSubspace
from zfbench.leaderboard import certificates
from zfbench.leaderboard.analyses.gap import published
from zfbench.leaderboard.certificates import certificate_of
from zfbench.leaderboard.table_files import files_of
from zfbench.records.reading import load_folder
from zfbench.runs.certificate import Certificate
from zfbench.runs.unseen import unseen

MASKED = files_of("zfish-table/masked")
STRONGEST = "generic: eight hidden units for all groups"
ID, OOD = "forecast/id/skill_last_value", "forecast/ood/skill_last_value"


@pytest.fixture(scope="module")
def every():
    """All published results."""
    return zfbench.load_results(ROOT / "leaderboard" / "results")


@pytest.fixture(scope="module")
def results(every):
    """Those of the tiny tier, and those without tiers."""
    return every[~every.task.str.startswith("zfish/")]


@pytest.fixture(scope="module")
def standard(every):
    """Means over seeds of the standard tier by track and method."""
    chosen = every[every.task.str.startswith("zfish/")]
    return chosen.groupby(["track", "method"])[[ID, OOD, GENERALISATION, WIRING, RESPONSES, MEAN]].mean()


@pytest.fixture(scope="module")
def means(results):
    """Means over seeds by track and method."""
    chosen = results[~results.track.isna()]
    return chosen.groupby(["track", "method"])[[ID, OOD, GENERALISATION, WIRING, RESPONSES, MEAN]].mean()


def test_the_ceiling_and_the_black_box(shown, results, means):
    driven = means.loc["driven"]
    kinds = results.drop_duplicates(["track", "method"]).set_index(["track", "method"]).kind.loc["driven"]
    best = driven[MEAN][kinds[~kinds.isin(["control", "search"])].index].max()
    black_box = driven.loc["driven_mlp"]
    assert f"which inputs each neuron reads) has a mean of {written(driven.loc['ceiling', MEAN])}." in shown
    assert f"the best row of the track `driven` has {written(best)} (leaky sigmoids" in shown
    assert driven.loc["neuron_leaky_sigmoid", MEAN] == best
    assert f"black box `driven_mlp` {written(black_box[MEAN])}." in shown
    assert f"forecasts familiar stimuli well (skill {written(black_box[ID])})" in shown
    assert f"no better than the last value (skill {written(black_box[OOD])})" in shown
    assert black_box[OOD] < 0.05


def test_a_bound_on_the_output(shown, means):
    free, bounded = (means.loc["driven", name] for name in ("driven_mlp", "driven_mlp_bounded"))
    assert f"generalisation rises from {written(free[GENERALISATION])} to {written(bounded[GENERALISATION])}" in shown
    assert f"wiring from {written(free[WIRING])} to {written(bounded[WIRING])}" in shown


@pytest.mark.parametrize(
    ("masked", "driven", "wording"),
    [
        (
            "masked_mlp",
            "neuron_mlp_leak",
            "(`masked_mlp`) has responses of {}, without it (`neuron_mlp_leak`) {}, while generalisation is {} and {}.",
        ),
        (
            "masked_leaky_sigmoid",
            "neuron_leaky_sigmoid",
            "responses of {} with it (`masked_leaky_sigmoid`) and {} without (`neuron_leaky_sigmoid`), and "
            "generalisation of {} and {}.",
        ),
    ],
)
def test_what_the_wiring_gives(shown, means, masked, driven, wording):
    pair = [means.loc["masked", masked], means.loc["driven", driven]]
    numbers = [row[score] for score in (RESPONSES, GENERALISATION) for row in pair]
    assert wording.format(*map(written, numbers)) in shown
    gains = {score: pair[0][score] - pair[1][score] for score in (RESPONSES, GENERALISATION)}
    assert gains[RESPONSES] > gains[GENERALISATION]


def test_how_much_the_mask_says(shown, results):
    oracle = results[(results.track == "masked") & (results.method == "oracle")]
    assert "less than half of the pairs that it allows between groups are connected." in shown
    assert (oracle["connectivity/cross/prevalence"] < 0.5).all()
    assert len(oracle)


def test_more_data_and_updates(shown, standard, means):
    driven, masked, small = standard.loc["driven"], standard.loc["masked"], means.loc["driven", "driven_mlp"]
    black_box = driven.loc["driven_mlp"]
    assert f"`driven_mlp` has a skill of {written(black_box[OOD])} on the held-out stimulus" in shown
    assert f"not {written(small[OOD])}, and still responses of {written(black_box[RESPONSES])}" in shown
    bounded, free, given = (
        driven.loc["driven_mlp_bounded"],
        driven.loc["neuron_mlp_leak"],
        masked.loc["masked_mlp"],
    )
    assert (
        f"The bound raises it to {written(bounded[OOD])}, a network for each neuron to {written(free[OOD])}, the "
        f"mask besides to {written(given[OOD])}"
    ) in shown
    leaky, ceiling = masked.loc["masked_leaky_sigmoid"], driven.loc["ceiling"]
    assert (
        f"`masked_mlp` has the higher mean there ({written(given[MEAN])} against {written(leaky[MEAN])} of "
        f"`masked_leaky_sigmoid`), and the ceiling has {written(ceiling[MEAN])}."
    ) in shown
    assert given[MEAN] > leaky[MEAN]


def test_gap_ratios(shown):
    gaps = {}
    for gap in (gap for measured in published() for gap in measured["gaps"]):
        gaps.setdefault(gap.program, []).append(gap)
    found = {name: math.exp(statistics.fmean(math.log(gap.ratio) for gap in own)) for name, own in gaps.items()}
    assert f"is {found['driven_mlp']:.1f} times as large for `driven_mlp`" in shown
    assert {len(own) for own in gaps.values()} == {3}
    seen = [statistics.fmean(gap.seen for gap in gaps[f"{kind}_leaky_sigmoid"]) for kind in ("masked", "neuron")]
    assert (
        f"ratio of leaky sigmoids from {found['neuron_leaky_sigmoid']:.1f} to {found['masked_leaky_sigmoid']:.1f}, in "
        f"part because with it they err more on a stimulus that they saw ({seen[0]:.3f} against {seen[1]:.3f}); that "
        f"of a network for each neuron is {found['neuron_mlp_leak']:.1f} and {found['masked_mlp']:.1f}"
    ).replace("0.0", ".0") in shown
    ratios = [[gap.ratio for gap in gaps[name]] for name in ("neuron_mlp_leak", "masked_mlp")]
    assert min(ratios[0]) < max(ratios[1])


def test_the_best_forecaster_is_not_the_best_model(shown, means):
    mlp, leaky = (means.loc["masked", name] for name in ("masked_mlp", "masked_leaky_sigmoid"))
    assert f"on familiar stimuli ({written(mlp[ID])} against {written(leaky[ID])})" in shown
    assert f"headline scores ({written(mlp[MEAN])} against {written(leaky[MEAN])})" in shown
    assert mlp[ID] > leaky[ID]
    assert mlp[MEAN] < leaky[MEAN]


def test_analogy_without_the_drive(shown, results, means):
    blind = means.loc["autonomous"]
    networks = results[(results.track == "autonomous") & (results.kind != "control")].method.unique()
    assert f"(`analog`) has a skill of {written(blind.loc['analog', ID])} on familiar stimuli" in shown
    assert f"(`oracle`) has {written(blind.loc['oracle', ID])}." in shown
    assert blind[ID][networks].idxmax() == "analog"
    assert (blind.loc[["analog", "oracle"], OOD] < 0).all()


def test_the_sentences_of_the_readme_are_true(means, standard):
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    driven, masked = means.loc["driven"], means.loc["masked"]
    assert "(`ceiling`) comes close to the true circuit." in text
    assert driven.loc["ceiling", MEAN] > 0.8
    assert driven.loc["driven_mlp", MEAN] < 0.2
    assert (
        "A black box (`driven_mlp`) forecasts familiar stimuli well; under the held-out stimulus it is no better than"
        in text
    )
    assert driven.loc["driven_mlp", ID] > 0.8
    assert driven.loc["driven_mlp", OOD] < 0.05
    assert "it is far better with [seven times the data and four times the training](docs/results/README.md)" in text
    assert standard.loc[("driven", "driven_mlp"), OOD] > 0.3
    assert "In both cases its neurons do not respond as the circuit's do when one neuron is moved." in text
    assert max(tier.loc[("driven", "driven_mlp"), RESPONSES] for tier in (means, standard)) < 0.02
    given, free = standard.loc[("masked", "masked_mlp"), MEAN], standard.loc[("driven", "neuron_mlp_leak"), MEAN]
    assert f"higher means: `masked_mlp` {written(given)}, `neuron_mlp_leak` {written(free)}." in text
    free, bounded = (driven.loc[name, GENERALISATION] for name in ("driven_mlp", "driven_mlp_bounded"))
    assert f"raises generalisation from {written(free)} to {written(bounded)}" in text
    without, given = driven.loc["neuron_leaky_sigmoid", RESPONSES], masked.loc["masked_leaky_sigmoid", RESPONSES]
    assert f"may act on which raises the responses from {written(without)} to {written(given)}." in text
    found, others = certificate_of("zfish-tiny/masked").found[0], other_seeds("masked")
    short, full = (own.first + other.first for own, other in zip(found.standings, others.standings, strict=True))
    assert f"the true form with its true inputs is first of {found.programs} programs in {short} of 20 short" in text
    free = [certificate_of("zfish-tiny/driven").found[0], other_seeds("driven")]
    free_short, free_full = (
        sum(standing.first for standing in both) for both in zip(*(own.standings for own in free), strict=True)
    )
    assert f"in [{full} of 20 full ones](docs/identify.md), without it in {free_short} and {free_full} of 20." in text
    assert other_seeds("masked").verdict == "partly"
    assert 'with other training seeds that of `masked` is "partly"' in text


def test_verdicts_on_the_claims(shown):
    from zfbench.leaderboard.claims import read_claims
    from zfbench.leaderboard.shipped import CLAIMS, RESULTS
    from zfbench.leaderboard.verdicts import VERDICTS, check

    measured = load_folder(RESULTS)
    verdicts = [check(claim, measured).verdict for claim in read_claims(CLAIMS)]
    supported, below, refuted, undecided = (verdicts.count(verdict) for verdict in VERDICTS)
    assert f"Of the {len(verdicts)} claims" in shown
    assert (
        f"support {supported}, refute {refuted}, show less than the margin for {below} and leave {undecided}" in shown
    )


def test_no_search_used_a_language_model(results):
    assert set(results.proposer.dropna()) <= {"grammar"}


@pytest.fixture(scope="module")
def landscape():
    return json.loads((ROOT / MASKED.landscape).read_text(encoding="utf-8"))


def test_the_loss_ranks_the_true_form_first_after_full_training_and_not_after_a_screening(shown, landscape):
    atlas, named, judged = landscape["atlas"], landscape["landscape"]["named"], landscape["atlas"]["judged"]
    everything, best = atlas["all"], atlas["best tenth"]
    programs = f"{landscape['landscape']['programs']:,}"
    assert f"Of the {programs} programs of" in shown
    assert f"{atlas['programs']['all']} were trained in full and judged" in shown
    together, selected = (part["screening and full training"]["value"] for part in (everything, best))
    assert f"judged, {atlas['programs']['best tenth']} of them from the best tenth of the screenings" in shown
    assert f"of the two losses is {written(together)}, and {written(selected)} among those" in shown
    space = RateSubspace(zfbench.load_task("zfish-tiny/masked").spec)
    optimum = [int(code) for code in named["optimum"]["codes"]]
    chosen = zip(optimum, space.start, space.slots, strict=True)
    assert sum(code != start and code not in slot.truths for code, start, slot in chosen) == 2
    linear, relu = named["truth"], named["truth with SW and vSPN relu"]
    assert (linear["rank in full"], relu["rank in full"]) == (2, 1)
    assert "After full training (one each) they are 2nd and 1st of the 103" in shown
    assert f"the screening has them {linear['rank']}st and {relu['rank']}rd of {programs}" in shown
    assert f"two false parts, which is {named['optimum']['rank in full']}th after full training" in shown
    responses = [judged[name]["headline/responses"] for name in ("optimum", "truth")]
    assert f"(responses of {written(responses[0])} against {written(responses[1])})" in shown
    among_best = best["with the judge"]["full loss"][WIRING]["value"]
    full = {name: entry["value"] for name, entry in everything["with the judge"]["full loss"].items()}
    assert (
        f"(rank correlation {written(full[GENERALISATION])} with generalisation, {written(full[RESPONSES])} with "
        f"responses) but not which has the wiring ({written(full[WIRING])}, and {written(among_best)} within the best "
        "tenth, so that"
    ) in shown


def test_a_longer_screening_is_a_good_guide(shown):
    found = json.loads((ROOT / MASKED.fidelity).read_text(encoding="utf-8"))
    short, long = found["lengths"]
    assert (short["updates"], long["updates"]) == (400, 1000)
    assert f"Of the same {found['programs']} programs" in shown
    full, drawn = (long[name]["value"] for name in ("full loss", "full loss, drawn"))
    assert f"is {written(full)}, and {written(drawn)} of the {found['drawn']} among them that lie in a" in shown
    assert f"tenth drawn by chance ({written(short['full loss, drawn']['value'])} with 400 updates)" in shown
    responses = [row[RESPONSES]["value"] for row in (long, short)]
    assert f"that with responses is {written(responses[0])} in place of {written(responses[1])}." in shown
    wiring = [row[WIRING]["value"] for row in (short, long)]
    assert f"correlation with it is {written(wiring[0])} at 400 updates and {written(wiring[1])} at 1,000." in shown
    ranks = long["rank of the best in full"], short["rank of the best in full"]
    assert f"after full training, the true form, is {ranks[0]}nd by 1,000 updates and {ranks[1]}rd by 400;" in shown
    assert f"the 1st by 1,000 has a wrong part, and is {long['rank of the winner in full']}th after full" in shown
    space = RateSubspace(zfbench.load_task("zfish-tiny/masked").spec)
    winner = zip([int(code) for code in long["winner"]], space.start, space.slots, strict=True)
    assert sum(code != start and code not in slot.truths for code, start, slot in winner) == 1


def test_what_successive_halving_would_save():
    text = " ".join((ROOT / "docs" / "identify.md").read_text(encoding="utf-8").split())
    table = zfbench.load_task("zfish-table/masked").spec.table
    order = [table.codes[k] for k in np.argsort(table.losses, kind="stable")]
    best = sorted(table.full, key=table.full.__getitem__)[:10]
    last = 1 + max(order.index(codes) for codes in best)
    assert f"(of the {len(table.full)} that were trained in full, which in part the screening itself chose)" in text
    assert f"are among the best {last} of {len(order):,} after 400 updates." in text
    assert "would save 8 to 17 % of the time of evaluations, stopping three quarters 12 to 25 %" in text
    saved = [[round(100 * stopped * (1 - 1 / times)) for times in (1.2, 1.5)] for stopped in (0.5, 0.75)]
    assert saved == [[8, 17], [12, 25]]
    assert "an evaluation 1.2 (`masked_leaky_sigmoid`) to 1.5 times (`driven_mlp`) as long as 400" in text


def test_the_certificate_of_the_masked_task(shown):
    found = certificate_of("zfish-tiny/masked").found[0]
    first = {s.updates: s.first for s in found.standings}
    assert [certificate.verdict for certificate in certificate_of("zfish-tiny/masked").found] == ["identifying"] * 3
    assert f"of {found.programs} programs the true form comes first in {first[1000]} of 10 replicates at 1,000" in shown
    assert f"as searches screen, and in {first[2000]} of 10 at 2,000." in shown
    assert not unseen(found)
    removed = found.standings[0].removed
    least = min(removed, key=lambda name: removed[name].mean)
    assert least == "S: gate min"
    assert f"by {written(removed[least].mean)} ({removed[least].ratio:.1f} standard deviations), the smallest" in shown
    weakest = min(removed, key=lambda name: removed[name].ratio)
    assert weakest == "MN: synapse drive"
    signal = removed[weakest]
    assert f"synapses of the motor neurons ({written(signal.mean)}, {signal.ratio:.1f})." in shown
    assert signal.ratio >= 2
    later = {name: signal for name, signal in found.standings[1].removed.items() if signal.ratio < 2}
    (integrator,) = later.values()
    assert list(later) == ["BG: form integrate"]
    assert f"integrating form of BG ({written(integrator.mean)}, {integrator.ratio:.1f})" in shown


def other_seeds(track):
    """What was found on a track with ten training seeds on which nothing had been decided."""
    path = ROOT / "tests" / "benchmarks" / "results" / f"identify-other-seeds-{track}.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    shipped = certificate_of(f"zfish-tiny/{track}")
    assert content["command"] == f"{shipped.command} --first 10"
    assert (content["data_sha256"], content["kinds"]) == (shipped.data_sha256, [])
    return Certificate.from_json(content["certificates"][0])


def test_the_certificate_with_other_training_seeds(shown):
    text = " ".join((ROOT / "docs" / "identify.md").read_text(encoding="utf-8").split())
    own, found = certificate_of("zfish-tiny/masked").found[0], other_seeds("masked")
    assert found.verdict == "partly"
    short, full = found.standings
    assert (short.updates, full.updates) == (1000, 2000)
    assert (
        f"The truth is first in {short.first} of 10 at 1,000 updates, as searches screen, and in {full.first} of"
        in text
    )
    assert sorted(rank for rank in full.ranks if rank > 1) == [2, 4]
    assert full.before() == {"removed: BG: form integrate": 2, "removed: BG: unit linear": 1, "removed: S: gate min": 1}
    both = [mine.first + other.first for mine, other in zip(own.standings, found.standings, strict=True)]
    assert (
        f"the truth is first in {both[0]} at 1,000 updates and in {both[1]} at 2,000; 18 of 20 is nine tenths." in text
    )
    assert both[1] == 0.9 * 20
    assert (
        f'with ten others it is first in {short.first} and {full.first} of 10, by which the verdict is "partly".'
        in shown
    )


def test_the_certificate_of_the_driven_task_with_other_training_seeds(shown):
    text = " ".join((ROOT / "docs" / "identify.md").read_text(encoding="utf-8").split())
    own, found = certificate_of("zfish-tiny/driven").found[0], other_seeds("driven")
    assert found.verdict == own.verdict == "partly"
    short, full = found.standings
    assert short.before() == {}
    (rival,) = full.before()
    assert rival == "removed: BG: form integrate"
    assert sorted(rank for rank in full.ranks if rank > 1) == [2, 2, 2]
    assert "In the three it is 2nd, after the same form with a leak" in text
    firsts = f"first in {short.first} of 10 at 1,000 updates and in {full.first} of 10 at 2,000"
    assert f'the verdict on `zfish-tiny/driven` is "partly" as before: the truth is {firsts}' in text
    both = [mine.first + other.first for mine, other in zip(own.standings, found.standings, strict=True)]
    assert f"of all twenty it is first in {both[0]} and {both[1]}." in text
    assert f"(with ten other training seeds {short.first} and {full.first})" in shown


def test_the_certificate_of_the_driven_task(shown):
    certificate = certificate_of("zfish-tiny/driven")
    assert not certificate.kinds
    found = certificate.found[0]
    assert found.verdict == "partly"
    first = {s.updates: s.first for s in found.standings}
    assert (
        f"of {found.programs} programs the true form comes first in {first[1000]} of 10 replicates at 1,000 updates "
        f"and in {first[2000]} of 10 at 2,000, where in the other two"
    ) in shown
    assert found.standings[0].before() == {}
    assert found.standings[1].before() == {"removed: BG: form integrate": 2}
    assert not unseen(found)


def test_true_features_that_cost_something_alone(shown):
    costly = [
        {name for name, signal in standing.added.items() if signal.mean < -0.05}
        for standing in certificate_of("zfish-tiny/masked").found[0].standings
    ]
    assert {"BG: unit linear", "BG: form integrate"} == costly[0] == costly[1] - {"inputs of all groups"}
    assert "after 2,000 updates the true inputs do too" in shown
    assert "inputs of all groups" in costly[1]
    assert "two of the eleven true features, the unit and the form of the integrator BG, raise the loss" in shown
    assert len(certificate_of("zfish-tiny/masked").found[0].standings[0].added) == 11


def test_how_far_the_strongest_generic_program_is_from_the_truth():
    text = " ".join((ROOT / "docs" / "identify.md").read_text(encoding="utf-8").split())
    short = certificate_of("zfish-tiny/masked").found[0].standings[0]
    truth, generic = (short.medians[name] for name in ("truth: true form, true inputs", STRONGEST))
    assert min(loss for name, loss in short.medians.items() if name.startswith("generic: ")) == generic
    assert f"(Today the truth is first in all ten, and that program has {generic / truth:.1f} times its loss.)" in text


def test_what_training_makes_of_the_truth():
    text = " ".join((ROOT / "docs" / "spaces.md").read_text(encoding="utf-8").split())
    masked, driven = (certificate_of(f"zfish-tiny/{track}").found[0].standings for track in ("masked", "driven"))
    short, long = masked
    truth, capacity, start = (
        "truth: true form, true inputs",
        "generic: eight hidden units for all groups",
        "seed: start of",
    )

    def loss(standing, name):
        return f"{next(m for n, m in standing.medians.items() if n.startswith(name)):.3f}".removeprefix("0")

    assert (
        f"has a loss of {loss(short, truth)} in `zfish-tiny/masked`, eight hidden units for all groups "
        f"{loss(short, capacity)}, the start {loss(short, start)}; after 2,000 updates {loss(long, truth)}, "
        f"{loss(long, capacity)} and {loss(long, start)}."
    ) in text
    rate, gate = ((short.added[name].mean, short.removed[name].mean) for name in ("AF: rate drive", "S: gate min"))
    assert f"by {written(rate[0])} when it is added alone, and by {written(rate[1])} when it is the last" in text
    assert f"the gate of S gives {written(gate[0])} alone and {written(gate[1])} as the last one" in text
    for standing in (*masked, *driven):
        assert max(standing.added[name].mean for name in ("BG: unit linear", "BG: form integrate")) < 0
    assert all(standings[1].added["inputs of all groups"].mean < 0 for standings in (masked, driven))
    form = "removed: inputs of all groups"
    assert (
        f"the true form has a loss of {loss(driven[1], form)} after 2,000 updates in `zfish-tiny/driven`, eight hidden "
        f"units {loss(driven[1], capacity)}, the true form with the true inputs {loss(driven[1], truth)}."
    ) in text


def test_the_certificates_of_simulators_and_mixtures(shown):
    sir, channels, large = (certificate_of(f"{name}") for name in ("sir-tiny", "hodgkin_huxley-tiny", "hodgkin_huxley"))
    for certificate in (sir, channels, large):
        assert certificate.found[0].replicates == 1
        assert certificate.found[0].verdict == "not identifying"
    ranks = [{rank for s in certificate.found[0].standings for rank in s.ranks} for certificate in (sir, channels)]
    assert f"`sir-tiny` is {ranks[0].pop()}th of {sir.found[0].programs} programs" in shown
    assert f"`hodgkin_huxley-tiny` {ranks[1].pop()}th of {channels.found[0].programs}" in shown
    assert ranks == [set(), set()]
    assert list(large.found[0].standings[-1].before()) == ["seed: no further channel"]
    mixtures = [one for one in certificates.published() if one.task.startswith("mixtures/")]
    assert {s.first for one in mixtures for s in one.found[0].standings} == {1}
    whole = [one for one in mixtures if not one.kinds]
    assert {one.found[0].programs for one in whole} == {21}
    assert f"all {len(mixtures)} mixtures: of 21 programs on {len(whole)} of them" in shown


def test_discoverers_separate_on_the_finite_space(shown, landscape):
    race = json.loads((ROOT / MASKED.race).read_text(encoding="utf-8"))
    first, last = race["seeds"]
    found = {name: entry["budgets"]["50"]["optimum"]["mean"] for name, entry in race["methods"].items()}
    assert f"Over {last - first + 1} seeds, after 50 evaluations" in shown
    assert (
        f"`puct` has found the program of lowest loss in {100 * found['puct']:.0f} % of the seeds, `modelsmc` in "
        f"{100 * found['modelsmc']:.0f} %, uniform draws in {100 * found['uniform_draws']:.0f} % and `best_of_n`"
    ) in shown
    assert found["best_of_n"] == 0
    losses = zfbench.load_task("zfish-table/masked").spec.table.losses
    lowest = np.nanmin(losses)
    pairs = [pair for pair in race["pairs"] if pair["budget"] == 50]
    assert f"{sum(pair['significant'] for pair in pairs)} of {len(pairs)} pairs of methods differ" in shown
    assert f"scatters by {landscape['noise']['sd by seed']:.3f}".replace("0.", ".") in shown
    close = sum(loss <= lowest + landscape["noise"]["sd by seed"] for loss in losses)
    assert f"{WORDS[close].capitalize()} programs have a loss within" in shown
    assert landscape["landscape"]["steps"]["start to optimum"] == 5
    assert landscape["landscape"]["local optima"] == 1
    assert landscape["landscape"]["descents that reach the optimum"] == 1
