"""What README and docs/results say in sentences is what the committed results say."""

import re
from pathlib import Path

import pytest

import zfbench

ROOT = Path(__file__).parents[1]
ID, OOD = "forecast/id/skill_last_value", "forecast/ood/skill_last_value"
LIFT, LIFT_IN_MASK = "connectivity/wiring/lift", "connectivity/wiring/in_mask/lift"


@pytest.fixture(scope="module")
def shown():
    """What the page of results says, on one line."""
    text = (ROOT / "docs" / "results" / "README.md").read_text(encoding="utf-8")
    section = re.search(r"## What it shows\n(.*?)\n## ", text, re.DOTALL)[1]
    return " ".join(section.split())


@pytest.fixture(scope="module")
def results():
    return zfbench.load_results(ROOT / "leaderboard" / "results")


@pytest.fixture(scope="module")
def means(results):
    """Means over seeds of what is no control, by track and method; of searches those of 40 evaluations."""
    chosen = results[
        (results.kind != "control") & (results.budget_evaluations.isna() | (results.budget_evaluations == 40))
    ]
    return chosen.groupby(["track", "method"])[[ID, OOD, LIFT, LIFT_IN_MASK]].mean()


def written(number):
    """As the page writes it, such as .86."""
    return f"{number:.2f}".removeprefix("0")


def span(numbers):
    return f"{written(numbers.min())} to {written(numbers.max())}"


def test_black_box_and_searches_of_the_driven_track(shown, results, means):
    driven = means.loc["driven"]
    found = driven.loc[results[results.kind == "search"].method.unique()]
    black_box = driven.loc["driven_mlp"]
    assert f"`driven_mlp` (skill {written(black_box[ID])}) and programs found by search ({span(found[ID])})" in shown
    assert f"has {written(black_box[OOD])} and the searches {span(found[OOD])}" in shown
    assert f"(AP lift {written(black_box[LIFT])} against {span(found[LIFT])};" in shown
    assert driven[ID].idxmax() == driven[OOD].idxmax()


def test_the_best_forecaster_of_the_masked_track(shown, means):
    masked = means.loc["masked"]
    assert masked[ID].idxmax() == "masked_mlp"
    best, place = masked.loc["masked_mlp"], int(masked[OOD].rank(ascending=False)["masked_mlp"])
    assert (place, len(masked)) == (7, 10)
    assert "is seventh of the ten methods" in shown
    assert f"leads in distribution ({written(best[ID])})" in shown
    assert f"({written(best[OOD])}; `random_search` {written(masked.loc['random_search', OOD])})" in shown
    wired = masked.loc["masked_leaky_sigmoid", LIFT_IN_MASK]
    assert f"(AP lift {written(best[LIFT_IN_MASK])}; {written(wired)})" in shown
    assert best[LIFT_IN_MASK] < wired / 2


def test_the_sentences_of_the_readme_are_true(means):
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    driven, masked = means.loc["driven"], means.loc["masked"]
    black_box, found = driven.loc["driven_mlp"], driven.loc["modelsmc"]
    assert "a black box forecasts the training conditions about as well as programs found by search" in text
    assert abs(black_box[ID] - found[ID]) < 0.05
    assert "under the held-out stimulus it is no better than the last value" in text
    assert abs(black_box[OOD]) < 0.07  # the half-width of its interval in the table
    assert "less than half as much of the wiring" in text
    assert black_box[LIFT] < found[LIFT] / 2
    assert "it is neither the best under the held-out stimulus, nor the best in wiring" in text
    assert masked[ID].idxmax() not in (masked[OOD].idxmax(), masked[LIFT_IN_MASK].idxmax())


def test_the_true_model_without_drive_is_worse_than_the_last_value(results):
    blind = results[(results.track == "autonomous") & (results.method == "oracle")]
    assert (blind[ID] < 0).all()
    assert (blind[OOD] < 0).all()


def test_verdicts_on_the_claims(shown):
    from zfbench.leaderboard.claims import read_claims
    from zfbench.leaderboard.shipped import CLAIMS, RESULTS
    from zfbench.leaderboard.verdicts import check
    from zfbench.records.reading import load_folder

    measured = load_folder(RESULTS)
    verdicts = [check(claim, measured).verdict for claim in read_claims(CLAIMS)]
    count = {verdict: verdicts.count(verdict) for verdict in ("supported", "refuted", "undecided")}
    assert f"Of the {len(verdicts)} claims" in shown
    assert f"support {count['supported']}, refute {count['refuted']} and leave {count['undecided']} undecided" in shown


def test_no_search_used_a_language_model(results):
    assert set(results.proposer.dropna()) == {"grammar"}
