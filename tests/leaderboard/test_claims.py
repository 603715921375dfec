import json

import numpy as np
import pytest
from scipy import stats

from zfbench.base.errors import ZfbenchError
from zfbench.leaderboard.claim_names import check_names
from zfbench.leaderboard.claims import Claim, Side, read_claim
from zfbench.leaderboard.claims_report import as_json, as_text
from zfbench.leaderboard.outcomes import outcome
from zfbench.leaderboard.stand_ins import check_won_and_lost
from zfbench.leaderboard.verdicts import check, hold_together
from zfbench.records.program import Program
from zfbench.records.result import Evaluated, ProgramRecord
from zfbench.records.spend import Spend

pytest_plugins = ["pytester"]
METRIC = "forecast/id/skill_last_value"
TASK = "zfish-tiny/driven"


def claim(relation="higher", effect=0.1, right=None, seeds=5, tests=1, **changes):
    test = {
        "left": {"method": "new", "task": TASK},
        "right": right if right is not None else {"method": "old", "task": TASK},
        "metric": METRIC,
        "relation": relation,
        "effect": effect,
        "seeds": seeds,
    }
    return Claim.model_validate(
        {"id": "c", "source": "s", "text": "t", "margin_reason": "m", "tests": [test | changes] * tests}
    )


@pytest.fixture
def runs(make):
    def make_runs(name, values, **changes):
        changes = {"kind": "program"} | changes
        return [make(name, seed=i, metrics={METRIC: float(v)}, **changes) for i, v in enumerate(values)]

    return make_runs


CLAIM = """
id = "{id}"
source = "s"
text = "new is good"
[[tests]]
left = {{method = "{method}", task = "zfish-tiny/driven"}}
right = {right}
metric = "forecast/id/skill_last_value"
relation = "higher"
effect = 0.0
seeds = 5
"""

SPREAD = np.array([-0.02, 0.01, 0.0, 0.02, -0.01])


@pytest.mark.parametrize(
    ("relation", "difference", "verdict"),
    [
        ("higher", 0.5, "supported"),
        ("higher", 0.1, "undecided"),
        ("higher", 0.05, "no better than the margin"),
        ("higher", 0.0, "no better than the margin"),
        ("higher", -0.5, "refuted"),
        ("lower", -0.5, "supported"),
        ("lower", -0.1, "undecided"),
        ("lower", -0.05, "no better than the margin"),
        ("lower", 0.5, "refuted"),
        ("comparable", 0.0, "supported"),
        ("comparable", 0.1, "undecided"),
        ("comparable", 0.5, "refuted"),
        ("comparable", -0.5, "refuted"),
    ],
)
def test_a_clear_difference_decides_and_one_at_the_margin_does_not(runs, relation, difference, verdict):
    results = runs("new", 0.5 + difference + SPREAD) + runs("old", 0.5 - SPREAD[::-1])
    answer = check(claim(relation), results)
    assert answer.verdict == verdict
    (finding,) = answer.findings
    assert finding.effect.estimate == pytest.approx(difference)
    assert finding.effect.n == 5
    assert (finding.reason != "") == (verdict == "undecided")


def p_value(difference, margin):
    """Student's test that a difference with this spread is the margin."""
    return stats.ttest_1samp(difference + SPREAD + SPREAD[::-1], margin).pvalue


def answer_to(asked, runs, difference):
    return check(asked, runs("new", 0.5 + difference + SPREAD) + runs("old", 0.5 - SPREAD[::-1]))


@pytest.mark.parametrize(
    ("relation", "difference", "tests", "verdict", "margin"),
    [
        ("higher", 0.5, 1, "supported", 0.1),
        ("higher", 0.12, 1, "undecided", 0.1),
        ("higher", 0.05, 1, "no better than the margin", 0.1),
        ("higher", -0.5, 1, "refuted", 0.0),
        ("lower", -0.5, 1, "supported", -0.1),
        ("lower", -0.12, 1, "undecided", -0.1),
        ("lower", -0.05, 1, "no better than the margin", -0.1),
        ("lower", 0.5, 1, "refuted", 0.0),
        ("comparable", 0.05, 1, "supported", 0.1),  # the nearer one of the two margins
        ("comparable", -0.05, 1, "supported", -0.1),
        ("comparable", 0.08, 1, "undecided", 0.1),
        ("comparable", 0.5, 1, "refuted", 0.1),
        ("comparable", -0.5, 1, "refuted", -0.1),
        ("higher", 0.5, 3, "supported", 0.1),
        ("higher", 0.03, 3, "no better than the margin", 0.1),
        ("lower", 0.5, 3, "refuted", 0.0),
        ("comparable", 0.5, 3, "refuted", 0.1),
    ],
)
def test_the_p_value_is_that_of_the_margin_which_decides(runs, relation, difference, tests, verdict, margin):
    """A test that decides against a claim of three could do so by the chance of each."""
    finding = answer_to(claim(relation, tests=tests), runs, difference).findings[0]
    times = tests if verdict in ("refuted", "no better than the margin") else 1
    assert finding.verdict == verdict
    assert finding.p == pytest.approx(times * p_value(difference, margin), rel=1e-6)


@pytest.mark.parametrize(("relation", "difference"), [("higher", 0.09), ("lower", -0.09), ("comparable", 0.12)])
def test_an_undecided_test_whose_estimate_speaks_against_the_claim_has_a_p_value_of_one(runs, relation, difference):
    answer = answer_to(claim(relation), runs, difference)
    assert (answer.verdict, answer.findings[0].p, answer.p) == ("undecided", 1.0, 1.0)


def test_the_p_value_of_a_claim_is_its_weakest_tests_if_all_are_needed_and_else_the_strongest_ones(runs):
    def found(difference, *tests):
        both = tuple(claim(relation, effect).tests[0] for relation, effect in tests)
        answer = answer_to(claim().model_copy(update={"tests": both}), runs, difference)
        return answer.verdict, answer.p

    def is_p(difference, margin, times=1):
        return pytest.approx(times * p_value(difference, margin), rel=1e-6)

    assert found(0.5, ("higher", 0.1), ("higher", 0.4)) == ("supported", is_p(0.5, 0.4))
    assert found(0.5, ("comparable", 0.1), ("comparable", 0.4)) == ("refuted", is_p(0.5, 0.1, times=2))
    assert found(0.5, ("higher", 0.1), ("lower", 0.1)) == ("refuted", is_p(0.5, 0.0, times=2))
    assert found(0.12, ("higher", 0.1), ("higher", 0.0)) == ("undecided", 1.0)


@pytest.mark.parametrize("relation", ["higher", "lower"])
def test_noise_is_not_called_an_effect(runs, relation):
    """A true difference exactly at the margin: called larger or smaller in at most 5 % of worlds each."""
    rng = np.random.default_rng(1)
    worlds = 300
    sign = 1 if relation == "higher" else -1
    verdicts = [
        check(
            claim(relation), runs("new", sign * 0.1 + rng.normal(0, 0.2, 6)) + runs("old", rng.normal(0, 0.2, 6))
        ).verdict
        for _ in range(worlds)
    ]
    limit = 0.05 + 4 * np.sqrt(0.05 * 0.95 / worlds)
    for verdict in ("supported", "no better than the margin"):
        assert verdicts.count(verdict) / worlds < limit


def test_too_few_seeds_decide_nothing_however_large_the_difference(runs):
    answer = check(claim(), runs("new", 9 + SPREAD[:4]) + runs("old", SPREAD[:4]))
    assert answer.verdict == "undecided"
    assert answer.findings[0].reason == "4 of 5 seeds"


def test_a_failed_seed_is_not_averaged_away(runs, make):
    results = runs("new", 9 + SPREAD) + runs("old", SPREAD)
    broken = make("new", kind="program", seed=5, status="timeout")
    assert check(claim(), results).verdict == "supported"
    answer = check(claim(), [*results, broken])
    assert answer.verdict == "undecided"
    assert "1 of 6 seeds" in answer.findings[0].reason


def test_a_deterministic_baseline_stands_for_every_seed_but_one_run_of_a_program_does_not(runs):
    new = runs("new", 0.9 + SPREAD)
    assert check(claim(), new + runs("old", [0.1], kind="baseline")).verdict == "supported"
    answer = check(claim(), new + runs("old", [0.1], kind="program"))
    assert (answer.verdict, answer.findings[0].reason) == ("undecided", "1 of 5 seeds")


def test_a_number_can_stand_on_the_right(runs):
    assert check(claim(right=0.2), runs("new", 0.9 + SPREAD)).verdict == "supported"
    assert check(claim(right=0.95), runs("new", 0.9 + SPREAD)).verdict == "refuted"
    assert check(claim(right=0.85), runs("new", 0.9 + SPREAD)).verdict == "no better than the margin"


@pytest.mark.parametrize(
    "change",
    [
        {"data": "cd" * 32},
        {"limits": {"updates": 9, "seconds": 300}},
        {"metric_versions": {"forecast": 99}},
    ],
)
def test_results_of_other_data_limits_or_versions_are_not_compared(runs, change):
    answer = check(claim(), runs("new", 9 + SPREAD) + runs("old", SPREAD, **change))
    assert answer.verdict == "undecided"
    assert "other data, limits" in answer.findings[0].reason


def test_one_method_with_two_limits_is_ambiguous(runs):
    twice = runs("new", 9 + SPREAD) + runs("new", SPREAD, limits={"updates": 9, "seconds": 300})
    answer = check(claim(), twice + runs("old", SPREAD))
    assert "several settings, budgets, data sets or versions" in answer.findings[0].reason


def test_one_method_under_two_versions_of_a_metric_is_ambiguous(runs):
    twice = runs("new", 9 + SPREAD) + runs("new", SPREAD, metric_versions={"forecast": 99})
    (finding,) = check(claim(), twice + runs("old", SPREAD)).findings
    assert finding.verdict == "undecided"
    assert "versions of the metrics" in finding.reason


def test_a_side_names_budget_settings_and_options_and_any_others_fit(make, search_method):
    plain = make(**search_method())
    for asked, others in (
        ({"budget": {"evaluations": 8}}, {"budget": {"evaluations": 9}}),
        ({"settings": {"patience": 3}}, {"options": {"patience": 3}}),
        ({"proposer_settings": {"patience": 3}}, {"settings": {"patience": 3}}),
        ({"patience": 3}, {"settings": {"patience": 3}}),
        ({"finalists": 0}, {"options": {"finalists": 1}}),
        ({"ideas": ["rebound"]}, {"options": {"ideas": ("fatigue",)}}),
        ({"proposer": "grammar"}, {"proposer": "llm"}),
    ):
        side = Side.model_validate({"method": "puct", "task": TASK} | asked)
        given = {name: value for name, value in asked.items() if name in ("settings", "proposer_settings", "budget")}
        options = {k: v for k, v in asked.items() if k in ("patience", "finalists", "ideas")}
        more = {"settings": {"z": 1, **given.pop("settings", {})}}
        assert side.includes(make(**search_method(**given, **more, options=options)))
        assert not side.includes(make(**search_method(**others)))
    assert Side(method="puct", task=TASK).includes(plain)
    for settings in ("settings", "proposer_settings"):  # an empty table: none at all
        without = Side.model_validate({"method": "puct", "task": TASK, settings: {}})
        assert without.includes(plain)
        assert not without.includes(make(**search_method(**{settings: {"z": 1}})))
    assert not Side(method="puct", task=TASK, finalists=0).includes(make("puct"))  # no search


def test_seeds_of_one_method_with_other_limits_are_ambiguous_too(runs):
    mixed = runs("new", 9 + SPREAD)
    mixed[1:] = [r.model_copy(update={"limits": {**r.limits, "updates": 9}}) for r in mixed[1:]]
    answer = check(claim(), mixed + runs("old", SPREAD))
    assert (answer.verdict, "several settings, budgets, data sets or versions" in answer.findings[0].reason) == (
        "undecided",
        True,
    )


def test_one_training_of_a_baseline_does_not_stand_for_all_seeds(runs, make):
    once = make("old", metrics={METRIC: 0.1}, spend=Spend(updates=500))
    (finding,) = check(claim(), [*runs("new", 9 + SPREAD), once]).findings
    assert (finding.verdict, finding.reason) == ("undecided", "1 of 5 seeds")
    assert [(m.side.method, m.seeds) for m in finding.missing] == [("old", (1, 2, 3, 4))]


def test_the_runs_that_would_decide_are_named(runs, make):
    def missing(*results):
        (finding,) = check(claim(), list(results)).findings
        return {m.side.method: m.seeds for m in finding.missing}

    assert missing() == {"new": (0, 1, 2, 3, 4), "old": (0, 1, 2, 3, 4)}
    assert missing(*runs("new", SPREAD)) == {"old": (0, 1, 2, 3, 4)}
    later = [make("new", kind="program", seed=s, metrics={METRIC: 0.5}) for s in (7, 8)]
    assert missing(*later, *runs("old", SPREAD)) == {"new": (0, 1, 2, 3, 4)}
    later += [make("new", kind="program", seed=s, metrics={METRIC: 0.5}) for s in (1, 3)]
    assert missing(*later, *runs("old", SPREAD[:2])) == {"new": (0,), "old": (3, 7, 8)}
    baseline = make("old", metrics={METRIC: 0.1})
    assert missing(baseline) == {"new": (0, 1, 2, 3, 4)}
    assert missing(baseline, *runs("new", 9 + SPREAD)) == {}


def test_runs_of_one_method_under_two_metrics_are_missed_once():
    same = claim(right={"method": "new", "task": TASK, "metric": "forecast/ood/skill_last_value"})
    (finding,) = check(same, []).findings
    assert [m.side.method for m in finding.missing] == ["new"]


def test_no_results_and_no_common_seeds_are_undecided(runs, make):
    assert check(claim(), []).findings[0].reason == f"no results of new on {TASK}"
    shifted = [make("old", kind="program", seed=9, metrics={METRIC: 0.1})]
    assert "no seed in common" in check(claim(), runs("new", SPREAD) + shifted).findings[0].reason


def test_one_refuted_test_refutes_and_one_open_test_leaves_open(runs):
    both = claim(tests=2)
    results = runs("new", 9 + SPREAD) + runs("old", SPREAD)
    lower = both.tests[0].model_copy(update={"relation": "lower"})
    unknown = both.tests[0].model_copy(update={"metric": "forecast/ood/skill_last_value"})
    for second, verdict in ((lower, "refuted"), (unknown, "undecided"), (both.tests[1], "supported")):
        assert check(both.model_copy(update={"tests": (both.tests[0], second)}), results).verdict == verdict


def test_a_claim_of_many_tests_is_not_refuted_by_the_chance_of_one(runs):
    results = runs("new", 0.5 - np.array([0.1, 0.3, 0.05, 0.4, 0.2, 0.25])) + runs("old", [0.5] * 6)
    assert check(claim(effect=0.0), results).verdict == "refuted"
    assert check(claim(effect=0.0, tests=300), results).verdict == "undecided"


def test_the_report_shows_effect_interval_p_n_and_what_the_interval_leaves_out(runs):
    answers = [check(claim(), runs("new", 0.9 + SPREAD) + runs("old", SPREAD[::-1])), check(claim(), [])]
    text = as_text(answers)
    assert text.startswith("1 supported, 0 no better than the margin, 0 refuted, 1 undecided")
    assert "difference 0.9 [0.888, 0.912] at 95% (over training seeds alone, not over circuits, recordings" in text
    assert "n = 5 training seeds" in text
    assert "smallest effect beyond the margin that so many seeds show: 0.0" in text
    assert "1 of 1 decisions hold" in text
    assert '"verdict": "supported"' in as_json(answers)
    assert f"missing: old on {TASK}, seeds 0, 1, 2, 3, 4" in text
    assert json.loads(as_json(answers))[1]["tests"][0]["missing"][0]["seeds"] == [0, 1, 2, 3, 4]


def test_errors_are_compared_by_their_ratio(make):
    """The same ratio at another size of the errors is the same effect."""

    def verdict(effect, size):
        test = claim("lower", effect, metric="forecast/ood/mae")
        results = [
            make(name, kind="program", seed=i, metrics={"forecast/ood/mae": float(size * factor * (1 + noise))})
            for name, factor in (("new", 0.5), ("old", 1.0))
            for i, noise in enumerate(SPREAD if name == "new" else SPREAD[::-1])
        ]
        answer = check(test, results)
        (finding,) = answer.findings
        assert finding.effect.estimate == pytest.approx(np.log(0.5), abs=0.01)
        return answer.verdict, "ratio 0.5 [0.4" in as_text([answer])

    assert verdict(0.5, 1.0) == verdict(0.5, 1e-4) == ("supported", True)
    assert verdict(1.0, 1.0) == ("no better than the margin", True)


def test_gaps_are_compared_within_each_run(make):
    """Twice the error under the held-out condition on one side, four times on the other, whatever the errors are."""
    test = claim("higher", 0.5, metric="forecast/ood/mae", relative_to="forecast/id/mae")
    results = [
        make(name, kind="program", seed=i, metrics={"forecast/id/mae": m, "forecast/ood/mae": gap * m * (1 + noise)})
        for name, gap, m in (("new", 4.0, 0.01), ("old", 2.0, 0.9))
        for i, noise in enumerate(SPREAD if name == "new" else SPREAD[::-1])
    ]
    answer = check(test, results)
    assert answer.verdict == "supported"
    assert answer.findings[0].effect.estimate == pytest.approx(np.log(2), abs=0.01)


def test_seeds_that_chose_the_margin_do_not_test_it(runs):
    seen = claim().model_copy(update={"margin_seeds": (0, 2)})
    answer = check(seen, runs("new", 0.9 + SPREAD) + runs("old", SPREAD))
    (finding,) = answer.findings
    assert (finding.verdict, finding.effect.n, finding.reason) == ("undecided", 3, "3 of 5 seeds")
    assert {m.side.method: m.seeds for m in finding.missing} == {"new": (5, 6), "old": (5, 6)}
    all_seen = claim().model_copy(update={"margin_seeds": (0, 1, 2, 3, 4)})
    (finding,) = check(all_seen, runs("new", 0.9 + SPREAD) + runs("old", SPREAD)).findings
    assert "only seeds that chose the margin" in finding.reason


def test_only_the_newest_benchmark_version_is_read(runs):
    old = runs("new", SPREAD, benchmark_version=1) + runs("old", 9 + SPREAD, benchmark_version=1)
    new = runs("new", 0.9 + SPREAD, benchmark_version=2) + runs("old", SPREAD, benchmark_version=2)
    assert check(claim(), old).verdict == "refuted"
    assert check(claim(), old + new).verdict == "supported"


def test_two_methods_without_chance_decide_at_once(runs):
    fixed = runs("new", [0.9], kind="baseline") + runs("old", [0.2], kind="control")
    assert check(claim(), fixed).verdict == "supported"
    assert check(claim("lower"), fixed).verdict == "refuted"


@pytest.mark.parametrize("kind", ["baseline", "control"])
def test_one_run_of_what_was_trained_is_not_every_seed(runs, kind):
    trained = [run.model_copy(update={"spend": Spend(updates=50)}) for run in runs("new", [0.9], kind=kind)]
    answer = check(claim(), trained + runs("old", [0.2], kind="control"))
    assert (answer.verdict, answer.findings[0].reason) == ("undecided", "1 of 5 seeds")


def test_all_claims_together_are_held_to_the_same_error(runs):
    strong = check(claim(), runs("new", 0.9 + SPREAD) + runs("old", SPREAD[::-1]))
    weak = check(claim(effect=0.0), runs("new", 0.02 + 0.8 * SPREAD) + runs("old", [0.0] * 5))
    assert [a.verdict for a in (strong, weak)] == ["supported", "supported"]
    assert 0.01 < weak.p < 0.05
    assert hold_together([strong, weak]) == [True, True]
    assert hold_together([strong, weak, *[check(claim(), [])] * 5]) == [True] + [False] * 6
    assert "1 of 2 decisions hold; these do not: c." in as_text([strong, weak, *[check(claim(), [])] * 5])


def test_a_typo_is_an_error_with_a_suggestion(make):
    results = [make("driven_mlp")]
    good = claim(right=0.5)
    fields = good.tests[0].model_dump(mode="json")
    sides = {"left": fields["left"] | {"method": "driven_mlp"}}
    for changes, sentence in (
        ({"left": sides["left"] | {"method": "drivn_mlp"}}, "no method 'drivn_mlp'; did you mean 'driven_mlp'"),
        (sides | {"left": sides["left"] | {"task": "zfish-tiny/drivn"}}, "no task .*did you mean 'zfish-tiny/driven'"),
        (sides | {"left": sides["left"] | {"proposer": "gramar"}}, "no proposer .*did you mean 'grammar'"),
        (sides | {"metric": "forecast/id/skil_last_value"}, "did you mean 'forecast/id/skill_last_value'"),
        (sides | {"must_support": {"left": "oracel"}}, "did you mean 'oracle'"),
    ):
        wrong = Claim.model_validate(good.model_dump(mode="json") | {"tests": [fields | changes]})
        with pytest.raises(
            ZfbenchError, match=f"claim 'c' is wrong. There is {sentence}" if "no " in sentence else sentence
        ):
            check_names([wrong], results)
    right = fields | sides | {"left": sides["left"] | {"task": "zfish-tiny/driven@anonymous"}}
    check_names([Claim.model_validate(good.model_dump(mode="json") | {"tests": [right]})], results)


@pytest.mark.parametrize(
    ("relation", "outcomes", "verdict"),
    [
        ("higher", {"must_support": {"left": 0.7}, "must_refute": {"left": 0.5}}, None),
        ("higher", {"must_support": {"left": 0.55}}, "no better than the margin and not supported"),
        ("higher", {"must_support": {"left": 0.5}}, "refuted and not supported"),
        ("higher", {"must_refute": {"left": 0.7}}, "supported and not refuted"),
        ("lower", {"must_support": {"left": 0.7}}, "refuted and not supported"),
        ("higher", {"must_support": {"left": 0.7, "right": 0.8}}, "refuted and not supported"),
    ],
)
def test_a_claim_whose_own_outcomes_do_not_win_or_lose_it_is_an_error(relation, outcomes, verdict):
    own = claim(relation, right=0.5, **outcomes)
    if verdict is None:
        check_won_and_lost([own], [])
        return
    with pytest.raises(ZfbenchError, match=f"claim 'c' is wrong. By the outcomes of must_.*, test 1 is {verdict};"):
        check_won_and_lost([own], [])


def test_outcomes_that_need_results_are_checked_once_these_are_there(runs):
    own = claim(must_support={"left": "oracle"})
    check_won_and_lost([own], [])
    check_won_and_lost([own], runs("oracle", [0.3] * 5) + runs("old", [0.2] * 3))
    check_won_and_lost([own], runs("oracle", [0.9] * 5) + runs("old", [0.2] * 5))
    with pytest.raises(ZfbenchError, match="test 1 is no better than the margin and not supported"):
        check_won_and_lost([own], runs("oracle", [0.25] * 5) + runs("old", 0.2 + SPREAD / 10))


def search_result(make, search_method, losses, final, seed=0, **changes):
    evaluated = tuple(
        Evaluated(
            program="ab", operator="mutate", status="ok" if x else "error", loss=x, spend=Spend(evaluations=i + 1)
        )
        for i, x in enumerate(losses)
    )
    program = ProgramRecord(id=Program("x = 1\n").id, source="x = 1\n", validation_loss=final)
    return make(**search_method(), evaluated=evaluated, program=program, seed=seed, **changes)


def test_searches_are_compared_by_loss_and_by_the_area_under_their_curve(make, search_method):
    result = search_result(make, search_method, [None, 0.4, 0.8, 0.1], 0.05)
    assert outcome(result, "search/validation_loss") == pytest.approx(np.log(0.05))
    expected = np.log([0.8, 0.4, 0.4, 0.1]).mean()  # before the first that worked, the worst counts
    assert outcome(result, "search/anytime_loss") == pytest.approx(expected)
    assert outcome(make(), "search/anytime_loss") is None
    assert outcome(search_result(make, search_method, [-3.0, 2.0], -3.0), "search/anytime_loss") is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('id = "A B"', r"wrong at id"),
        ('id = "a"\nsource = "s"\ntext = "t"\ntests = []', r"wrong at tests"),
        ("id = ", r"is not TOML"),
        (CLAIM.format(id="a", method="m", right="0.2").replace("effect = 0.0", "effect = 0.1"), "needs its reason"),
        (CLAIM.format(id="a", method="m", right="0.2") + 'relative_to = "forecast/id/mae"', "errors only"),
        (CLAIM.format(id="a", method="m", right="0.2").replace("higher", "comparable"), "needs a margin"),
    ],
)
def test_a_wrong_claim_is_refused_with_the_field(tmp_path, text, sentence):
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(ZfbenchError, match=sentence):
        read_claim(tmp_path / "c.toml")


def test_the_plugin_passes_fails_and_skips(pytester, runs):
    for i, result in enumerate(runs("new", 0.9 + SPREAD)):
        result.write(pytester.path / "results" / f"{i}.json")
    folder = pytester.mkdir("claims")
    for id_, method, right in (("good", "new", 0.2), ("bad", "new", 0.99), ("open", "masked_mlp", 0.2)):
        (folder / f"{id_}.toml").write_text(CLAIM.format(id=id_, method=method, right=right))
    done = pytester.runpytest_subprocess("claims", "--zfbench-results=results", "-rs")
    done.assert_outcomes(passed=1, failed=1, skipped=1)
    missing = '*no results of masked_mlp*missing: masked_mlp*add_result(*"results")*'
    done.stdout.fnmatch_lines(["*refuted: new is good*p = *", missing])
    (folder / "good.toml").write_text(CLAIM.format(id="good", method="new", right=0.2) + "must_refute = {left = 0.3}")
    done = pytester.runpytest_subprocess("claims/good.toml", "--zfbench-results=results")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*By the outcomes of must_refute, test 1 is supported and not refuted*"])
    assert pytester.runpytest_subprocess("claims").ret == pytest.ExitCode.NO_TESTS_COLLECTED
