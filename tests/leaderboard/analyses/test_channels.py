"""What runs say about ion channels."""

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.cli.app import app
from zfbench.discoverers.proposers.slots.channels import GRAMMAR
from zfbench.leaderboard.analyses import channels
from zfbench.leaderboard.analyses.channels import evidence, table
from zfbench.records.evaluation import Evaluation, Scored
from zfbench.records.program import Program, Status
from zfbench.runs.plan import POPULATION
from zfbench.tasks.hodgkin_huxley.programs import SEED_PROGRAM


def scored(first, second, log_marginal):
    source = GRAMMAR.render((first, "1", "bell", second, "1", "bell"))
    ok = log_marginal is not None
    evaluation = Evaluation(Status.OK, -log_marginal, log_marginal) if ok else Evaluation(Status.ERROR, feedback="no")
    return Scored(Program(source), evaluation)


def test_mass_counts_every_particle_that_has_the_family_and_medians_stand_beside_bests():
    base, m, both, broken = (
        scored("none", "none", -30.0),
        scored("M", "none", -10.0),
        scored("M", "Ih", -20.0),
        scored("A", "none", None),
    )
    run = [base, m, both, broken]
    found = evidence([run, run], [{m.program.id: 0.75, both.program.id: 0.25}, None])
    assert found["M"].masses == (1.0,)
    assert found["Ih"].masses == (0.25,)
    assert found["none"].masses == (0.0,)
    assert sorted(found["M"].log_marginals) == [-20.0, -20.0, -10.0, -10.0]
    assert found["none"].log_marginals == (-30.0, -30.0)
    assert found["A"].log_marginals == ()


def test_programs_that_the_grammar_did_not_write_do_not_count_as_the_base_model():
    ok = Evaluation(Status.OK, 5.0, -5.0)
    seed, foreign = Scored(Program(SEED_PROGRAM), ok), Scored(Program('"""Written by somebody else."""\nx = 1\n'), ok)
    found = evidence([[seed, foreign]], [{seed.program.id: 0.25, foreign.program.id: 0.75}])
    assert (found["none"].masses, found["other"].masses) == ((0.25,), (0.75,))
    assert found["none"].log_marginals == found["other"].log_marginals == (-5.0,)
    assert "other" not in evidence([[seed]], [None])


def test_the_table_reads_runs_and_their_populations_and_puts_the_highest_median_first(tmp_path, monkeypatch):
    m, ih, broken = scored("M", "none", -10.0), scored("Ih", "none", -20.0), scored("A", "none", None)
    runs = {tmp_path / "first": [m, ih, broken], tmp_path / "second": [m, ih]}
    monkeypatch.setattr(channels, "replay", lambda folder: SimpleNamespace(evaluated=runs[folder]))
    (tmp_path / "first").mkdir()
    weights = [(m, 0.5), (m, 0.25), (ih, 0.25)]  # two particles are one program
    rows = [{"program": s.program.id, "weight": weight} for s, weight in weights]
    (tmp_path / "first" / POPULATION).write_text(json.dumps(rows))
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in table(runs).splitlines()]
    assert found[0] == ["family", "mean mass", "programs", "median log p", "best log p"]
    assert found[2:4] == [["M", "0.75", "2", "-10.0", "-10.0"], ["Ih", "0.25", "2", "-20.0", "-20.0"]]
    assert ["A", "0.00", "0", "-", "-"] in found
    without = [line.split("|")[2].strip() for line in table([tmp_path / "second"]).splitlines()[2:]]
    assert set(without) == {"-"}  # that search kept no population


def test_a_damaged_population_is_said_to_be_one(tmp_path, monkeypatch):
    monkeypatch.setattr(channels, "replay", lambda folder: SimpleNamespace(evaluated=()))
    (tmp_path / POPULATION).write_text('[{"program": "a"')
    with pytest.raises(DamagedFileError, match="holds no population"):
        table([tmp_path])


def test_without_a_run_there_is_no_table():
    with pytest.raises(ZfbenchError, match="no run"):
        table([])


def test_the_command_prints_the_table_of_the_named_runs(tmp_path, monkeypatch):
    runs = {tmp_path / "first": [scored("M", "none", -10.0)], tmp_path / "second": [scored("Ih", "none", -20.0)]}
    monkeypatch.setattr(channels, "replay", lambda folder: SimpleNamespace(evaluated=runs[folder]))
    done = CliRunner().invoke(app, ["channels", *map(str, runs)])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == table(runs)
