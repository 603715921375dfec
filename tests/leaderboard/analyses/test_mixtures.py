"""ModelSMC on 20 known models, beside what is published: see `zfbench.discoverers.validation`."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from typer.testing import CliRunner
from zfbench.discoverers.validation import (
    GENERATIONS,
    PARTICLES,
    REFERENCE_INTERVALS,
    SETTINGS,
    plans,
    run_validation,
    summary,
)

from zfbench.base.errors import UnknownNameError
from zfbench.cli.app import _add_commands, app
from zfbench.discoverers import validation
from zfbench.discoverers.modelsmc import ModelSMC
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program, Status
from zfbench.scoring.concentration import concentration

MODELS = [Program(f"model {k}") for k in range(20)]
GAP = 3_500.0  # nats between the target and the best of the others


def chain(seed, noise):
    """One search over the models with the log likelihood of model 0 ahead; each evaluation anew, with that noise."""
    rng = np.random.default_rng(seed)
    search = ModelSMC(seed, MODELS[0], **SETTINGS, start="proposals", critique=False)
    while (request := search.ask()) is not None:
        number = (request.id - 1) % 20 if request.id <= PARTICLES else int(rng.integers(20))
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


def test_plans_are_the_published_settings_for_every_seed_and_target():
    planned = list(plans("exact", range(5), range(10)))
    assert len({plan.seed for plan in planned}) == 50
    assert {plan.task for plan in planned[:5]} == {f"mixtures/exact@target:{k}" for k in range(5)}
    assert (PARTICLES, GENERATIONS, SETTINGS["alpha"], SETTINGS["threshold"]) == (100, 20, 0.8, 0.5)


def test_summary_stands_beside_the_published_figures():
    assert "0.811 (0.038)" in summary([])
    assert "4: 111" in summary([])


def test_the_command_writes_the_table_and_the_picture_of_a_small_run(tmp_path, monkeypatch):
    """One target, one seed, exact likelihoods averaged over few draws, three generations."""
    monkeypatch.setenv("ZFBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("zfbench.tasks.mixtures.model.DRAWS", {"exact": 30})
    monkeypatch.setattr(validation, "ProcessPoolExecutor", lambda workers, mp_context: ThreadPoolExecutor(workers))
    monkeypatch.setattr(validation, "GENERATIONS", 3)
    monkeypatch.setattr(validation, "SETTINGS", {**SETTINGS, "generations": 3})
    out = tmp_path / "out"
    options = ["--mode", "exact", "--targets", "1", "--seeds", "1", "--workers", "1", "--out", str(out)]
    _add_commands()
    done = CliRunner().invoke(app, ["mixtures", *options])
    assert done.exit_code == 0, done.output
    written = (out / "mixtures.md").read_text()
    row = next(line for line in written.splitlines() if line.startswith("| exact"))
    assert row in done.output
    runs, first = (cell.strip() for cell in row.split("|")[2:4])
    assert runs == "1"
    assert float(first.split()[0]) == pytest.approx(0.81, abs=4 * 0.038)
    assert "Wahl et al. 2026" in written
    assert (out / "mixtures.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_knows_its_modes(tmp_path):
    _add_commands()
    done = CliRunner().invoke(app, ["mixtures", "--mode", "exakt", "--out", str(tmp_path / "out")])
    assert isinstance(done.exception, UnknownNameError)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.timeout(8 * 3_600)
def test_refitted_searches_concentrate_as_published(tmp_path):
    pytest.importorskip("sbi")
    (result,) = run_validation(plans("refit", [0], [0]), tmp_path, lambda _: None)
    share = result.curves["population/target_share"]
    assert result.curves["population/jumps"][0] == 1
    assert share[1] == pytest.approx(0.81, abs=4 * 0.038)
    assert np.mean(share[3:]) == pytest.approx(0.645, abs=0.06)
