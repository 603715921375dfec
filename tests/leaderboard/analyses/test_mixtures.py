"""ModelSMC on 20 known models, beside what is published: Wahl et al. 2026 (arXiv 2602.18266)."""

from collections import Counter

import numpy as np
import pytest
from typer.testing import CliRunner

from zfbench.base.errors import ZfbenchError
from zfbench.cli.app import app
from zfbench.discoverers.modelsmc import ModelSMC
from zfbench.leaderboard.analyses import mixtures
from zfbench.leaderboard.analyses.mixtures import GENERATIONS, REFERENCE_INTERVALS, UPDATES, summary
from zfbench.leaderboard.shipped import suite_path
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program, Status
from zfbench.records.result import TaskRecord
from zfbench.runs.grid import Grid
from zfbench.runs.suite import read_suite
from zfbench.scoring.concentration import concentration
from zfbench.scoring.likelihood import MarginalLikelihood
from zfbench.tasks.mixtures.task import TARGETS

PUBLISHED = {  # the settings of the validation in the paper
    "particles": 100,
    "generations": 20,
    "alpha": 0.8,
    "tau": 1.0,
    "threshold": 0.5,
    "start": "proposals",
    "feedback": "metrics",
}
MODELS = [Program(f"model {k}") for k in range(20)]
GAP = 3_500.0  # nats between the target and the best of the others


def chain(seed, noise):
    """One search over the models with the log likelihood of model 0 ahead; each evaluation anew, with that noise."""
    rng = np.random.default_rng(seed)
    search = ModelSMC(seed, MODELS[0], **PUBLISHED)
    while (request := search.ask()) is not None:
        number = (request.id - 1) % 20 if request.id <= PUBLISHED["particles"] else int(rng.integers(20))
        value = -GAP * (number > 0) + noise * rng.normal()
        search.tell(request, MODELS[max(number, 0)], Evaluation(Status.OK, -value, value))
    generations = search.generations
    return concentration([g.programs for g in generations], [g.resampled for g in generations], MODELS[0].id)


def chains(noise, runs=50):
    found = [chain(seed, noise) for seed in range(runs)]
    intervals = Counter(int(gap) for one in found for gap in np.diff(one.jumps))
    return found, intervals, np.array([one.settled for one in found])


def test_target_fills_the_pool_in_the_first_generation_as_published():
    found, *_ = chains(noise=0.0)
    assert all(one.share[0] == 0.05 for one in found)
    assert all(one.jumps[0] == 1 for one in found)
    first = np.array([one.first for one in found])
    assert first.mean() == pytest.approx(0.81, abs=0.02)
    assert first.std() == pytest.approx(0.038, abs=0.012)
    assert np.mean([one.after_jumps for one in found]) == pytest.approx(0.812, abs=0.015)


def test_exact_likelihoods_let_the_share_decay_for_three_to_five_generations():
    _, intervals, settled = chains(noise=0.0)
    assert settled.mean() == pytest.approx(0.617, abs=0.02)
    assert sum(intervals[gap] for gap in (3, 4, 5)) > 0.97 * sum(intervals.values())


def test_refit_noise_brings_the_published_intervals():
    _, intervals, settled = chains(noise=100.0)
    published = REFERENCE_INTERVALS
    assert settled.mean() == pytest.approx(0.645, abs=0.02)
    assert sum(intervals.values()) == pytest.approx(sum(published.values()), abs=25)
    for gap in range(1, 7):
        expected = published[gap]
        assert intervals[gap] == pytest.approx(expected, abs=4 * np.sqrt(2 * max(expected, 4)))


def test_the_shipped_suite_has_the_published_settings_for_every_target_and_a_seed_of_its_own_for_each_run():
    plans = [job.plan for job in read_suite(suite_path("mixtures"))[0]]
    for mode in ("exact", "cached"):
        own = [plan for plan in plans if plan.task.startswith(f"mixtures/{mode}@")]
        assert {plan.task for plan in own} == {f"mixtures/{mode}@target:{k}" for k in range(TARGETS)}
        assert len({plan.seed for plan in own}) == len(own) == 25
    for plan in plans:
        assert plan.settings == PUBLISHED
        assert plan.proposer_settings == {"in_turn": 100}
        assert plan.budget.updates == plan.limits.updates == UPDATES
        # enough for every particle of every generation, whatever it finds
        assert min(plan.budget.evaluations, plan.patience) >= PUBLISHED["particles"] * PUBLISHED["generations"]
        assert plan.final_count == 0


@pytest.fixture
def concentrated(make):
    """Makes the result of a search from the target's share by generation and the generations that began with a jump."""

    def run(mode, target, share, jumps, seed=0):
        name = f"mixtures/{mode}@target:{target}"
        task = TaskRecord(name=name, track=mode, tier="standard", circuit=f"target:{target}", data_sha256="ab" * 32)
        curves = {"population/target_share": share, "population/jumps": jumps}
        return make("modelsmc", task=task, seed=seed, curves=curves, metrics={"population/target_share": share[-1]})

    return run


def cells(text, mode):
    row = next(line for line in text.splitlines() if line.startswith(f"| {mode} "))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_summary_stands_beside_the_published_figures(concentrated):
    results = [
        concentrated("exact", 0, [0.05, 0.8, 0.6, 0.5, 0.7], [1.0, 4.0]),
        concentrated("exact", 1, [0.05, 0.9, 0.7, 0.6, 0.8], [1.0, 4.0]),
        concentrated("cached", 0, [0.05, 0.4, 0.3, 0.2, 0.1], [1.0]),
    ]
    text = summary(results)
    # by hand: mean (sd) of 0.8 and 0.9; of 0.8, 0.7, 0.9 and 0.8; of the means of the last two, 0.6 and 0.7
    assert cells(text, "exact") == ["exact", "2", "0.850 (0.071)", "0.800 (0.082, n = 4)", "0.650 (0.071)", "3: 2"]
    assert cells(text, "cached") == ["cached", "1", "0.400 (0.000)", "0.400 (0.000, n = 1)", "0.150 (0.000)", "-"]
    published = cells(text, "Wahl")
    assert published[1:5] == ["50", "0.811 (0.038)", "0.812 (0.038, n = 255)", "0.645"]
    assert "4: 111" in published[5]


def test_the_error_of_a_neural_likelihood_is_what_it_has_more_than_the_exact_one_at_each_point(monkeypatch):
    """10 nats more over four points are 2.5 each."""

    def evaluate_all(mode, number, updates):
        total = {"exact": -100.0, "cached": -90.0}[mode]
        return [MarginalLikelihood(np.full(4, total / 4), np.zeros(4), np.ones(4), total, 1.0)]

    monkeypatch.setattr(mixtures, "evaluate_all", evaluate_all)
    rows = mixtures.surrogate_errors(0).splitlines()[2:]
    found = [[cell.strip() for cell in row.strip("|").split("|")][2:] for row in rows]
    assert found == [["-100 ± 1", "-90 ± 1", "+2.50"]] * 20


def test_the_picture_has_a_panel_for_each_mode(concentrated, tmp_path):
    both = [concentrated(mode, 0, [0.05, *[0.8] * GENERATIONS], [1.0]) for mode in ("exact", "cached")]
    widths = []
    for number, results in enumerate(([both[0]], both)):
        mixtures.draw(results, tmp_path / f"{number}.png")
        data = (tmp_path / f"{number}.png").read_bytes()
        assert data.startswith(b"\x89PNG")
        widths.append(int.from_bytes(data[16:20], "big"))
    assert widths[1] > 1.5 * widths[0]


SMALL = """
results = "results"
limits = {updates = 720, seconds = 300}
[[block]]
tasks = ["mixtures/exact@target:0"]
methods = ["modelsmc"]
proposer = "finite"
proposer_settings = {in_turn = 100}
budget = {evaluations = 4000, updates = 720}
settings = {particles = 100, generations = 3, start = "proposals", feedback = "metrics"}
finalists = 0
patience = 4000
seeds = [0]
"""


def test_the_command_writes_the_table_and_the_picture_of_a_small_suite(tmp_path, monkeypatch):
    """One target, one seed, exact likelihoods averaged over few draws, three generations."""
    monkeypatch.setenv("ZFBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("zfbench.tasks.mixtures.model.DRAWS", {"exact": 30})
    (tmp_path / "s.toml").write_text(SMALL)
    jobs, folder = read_suite(tmp_path / "s.toml")
    assert not Grid(folder).run(jobs, 1, lambda job, stage: None).failed
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["mixtures", str(folder), "--out", str(out)])
    assert done.exit_code == 0, done.output
    _, runs, first, *_ = cells((out / "mixtures.md").read_text(), "exact")
    assert runs == "1"
    assert float(first.split()[0]) == pytest.approx(0.81, abs=4 * 0.038)
    assert (out / "mixtures.md").read_text() == done.stdout
    assert (out / "mixtures.png").read_bytes().startswith(b"\x89PNG")


def test_results_of_other_tasks_are_no_mixtures(tmp_path, make):
    make().write(tmp_path / "r.json")
    done = CliRunner().invoke(app, ["mixtures", str(tmp_path), "--out", str(tmp_path / "out")])
    assert isinstance(done.exception, ZfbenchError)
    assert "`zfbench suite run mixtures` makes some" in str(done.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.timeout(8 * 3_600)
def test_refitted_searches_concentrate_as_published(tmp_path):
    pytest.importorskip("sbi")
    head, block, *_ = suite_path("mixtures").read_text(encoding="utf-8").split("[[block]]")
    block = block.replace("mixtures/exact@", "mixtures/refit@").replace("[0, 1, 2, 3, 4]", "[0]")
    (tmp_path / "s.toml").write_text(f"{head}[[block]]{block}")
    (job,), _ = read_suite(tmp_path / "s.toml")
    result = Grid(tmp_path).measure(job, lambda stage: None, tmp_path / "run")
    share = result.curves["population/target_share"]
    assert result.curves["population/jumps"][0] == 1
    assert share[1] == pytest.approx(0.81, abs=4 * 0.038)
    assert np.mean(share[3:]) == pytest.approx(0.645, abs=0.06)
