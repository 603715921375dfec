import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from zfbench.base import plugins
from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.cli.app import app
from zfbench.discoverers.proposers.rate.genotype import start
from zfbench.discoverers.proposers.rate.render import parse, render
from zfbench.discoverers.proposers.rate.truth import true_genotype
from zfbench.forecasting.contract import EXAMPLE
from zfbench.forecasting.evaluator import ProgramEvaluator
from zfbench.leaderboard.analyses.contenders import METRICS, zfish
from zfbench.leaderboard.certificates import read
from zfbench.protocols.contenders import Contender, Contest
from zfbench.protocols.task import Evaluator
from zfbench.records.evaluation import Evaluation
from zfbench.records.limits import Limits
from zfbench.records.program import Program, Status
from zfbench.records.result import BENCHMARK_VERSION
from zfbench.runs import identify as module
from zfbench.runs.certificate import Certificate
from zfbench.runs.identify import Measurement, as_file, command, contest_of, identify, to_json
from zfbench.runs.tasks import find_task
from zfbench.search.replicates import training_seed
from zfbench.testbed.published import published

TRUTH, SEED = Contender("form", "truth", "good"), Contender("start", "seed", "bad")
CONTEST = Contest((TRUTH, SEED), "balanced", {"plain": "mae"})
SMALL = Measurement("toy", (5, 7), replicates=2)


class Scores:
    """A family whose evaluator knows two programs, and by another metric ranks them the other way round."""

    def __init__(self):
        self.calls = []

    def evaluator(self, task, limits, sandbox):
        def evaluate(program, seed):
            self.calls.append((program.source, limits.updates, seed))
            loss = {"good": 0.1, "bad": 0.9}[program.source]
            return Evaluation(Status.OK, loss, metrics={"mae": 1 - loss})

        return evaluate


@pytest.fixture
def toy(monkeypatch):
    family = Scores()
    loaded = SimpleNamespace(name="toy", family=family, task=SimpleNamespace(data_sha256="0" * 64))
    monkeypatch.setattr(module, "find_task", lambda name: loaded)
    return family


def test_every_program_is_trained_under_every_budget_with_the_seeds_of_the_replicates(tmp_path, toy):
    certificates = identify(SMALL, CONTEST, tmp_path)
    seeds = [training_seed("toy", 0), training_seed("toy", 1)]
    assert sorted(toy.calls) == sorted((p, u, s) for p in ("good", "bad") for u in (5, 7) for s in seeds)
    assert [c.objective for c in certificates] == ["balanced", "plain"]
    assert [c.verdict for c in certificates] == ["identifying", "not identifying"]
    assert [s.ranks for s in certificates[1].standings] == [(2, 2), (2, 2)]


def test_what_was_measured_is_not_measured_again_and_more_replicates_are_added(tmp_path, toy):
    first = identify(SMALL, CONTEST, tmp_path)
    assert identify(SMALL, CONTEST, tmp_path) == first
    assert len(toy.calls) == 8
    next(tmp_path.glob("*updates5__replicate1.json")).unlink()
    seen = []
    identify(SMALL, CONTEST, tmp_path, workers=2, progress=lambda *told: seen.append(told[:2]))
    assert seen == [(7, 8), (8, 8)]
    identify(replace(SMALL, replicates=3), CONTEST, tmp_path)
    assert len(toy.calls) == 8 + 1 + 4


def test_further_replicates_are_trained_with_seeds_that_the_first_ones_did_not_have(tmp_path, toy):
    later = replace(SMALL, replicates=1, first=2)
    (certificate, _) = identify(later, CONTEST, tmp_path)
    assert {seed for _, _, seed in toy.calls} == {training_seed("toy", 2)}
    assert training_seed("toy", 2) not in {training_seed("toy", k) for k in range(SMALL.replicates)}
    assert certificate.replicates == 1
    identify(replace(SMALL, replicates=3), CONTEST, tmp_path)
    assert len(toy.calls) == 4 + 8  # replicate 2 is there already
    assert to_json([certificate], later, tmp_path)["measurement"]["first"] == 2


def test_outcomes_of_another_measurement_or_of_other_data_or_damaged_ones_are_refused(tmp_path, toy, monkeypatch):
    identify(SMALL, CONTEST, tmp_path)
    with pytest.raises(ZfbenchError, match=r"seconds = 600\.0, not 5; choose another folder"):
        identify(replace(SMALL, seconds=5), CONTEST, tmp_path)
    with monkeypatch.context() as patch:
        renewed = SimpleNamespace(name="toy", family=toy, task=SimpleNamespace(data_sha256="1" * 64))
        patch.setattr(module, "find_task", lambda name: renewed)
        with pytest.raises(ZfbenchError, match=r"data_sha256 = 0{64}, not 1{64}; choose another folder"):
            identify(SMALL, CONTEST, tmp_path)
    next(tmp_path.glob("*replicate1.json")).write_text('{"status": "ok"}')
    with pytest.raises(DamagedFileError, match="remove it, and it is measured again"):
        identify(SMALL, CONTEST, tmp_path)


def test_a_damaged_description_of_the_outcomes_is_named(tmp_path, toy):
    (tmp_path / module.HEAD).write_text("{")
    with pytest.raises(DamagedFileError, match=r"is damaged .*; choose another folder"):
        identify(SMALL, CONTEST, tmp_path)


def test_json_holds_what_was_measured_on_what_and_every_certificate_with_its_losses(tmp_path, toy):
    certificates = identify(SMALL, CONTEST, tmp_path)
    content = to_json(certificates, SMALL, tmp_path)
    text = as_file(content)
    assert json.loads(text) == json.loads(json.dumps(content))
    assert '"ranks": [1, 1],\n' in text  # what holds numbers alone stands on one line
    assert content["measurement"]["budgets"] == (5, 7)
    assert content["command"] == "zfbench identify toy --replicates 2 --screening 5 --full 7"
    assert content["benchmark_version"] == BENCHMARK_VERSION
    assert content["data_sha256"] == "0" * 64
    assert "jax" in content["libraries"]
    assert [c["verdict"] for c in content["certificates"]] == ["identifying", "not identifying"]
    assert content["certificates"][0]["standings"][0]["losses"]["seed: start"] == [0.9, 0.9]
    assert Certificate.from_json(json.loads(text)["certificates"][0]) == certificates[0]


def test_the_command_leaves_out_what_is_usual():
    assert command(Measurement("sir")) == "zfbench identify sir"
    assert command(Measurement("sir", (400,), 3), ["seed"]) == (
        "zfbench identify sir --replicates 3 --screening 400 --kind seed"
    )
    assert command(Measurement("sir", first=10)) == "zfbench identify sir --first 10"
    assert command(Measurement("sir", seconds=60.0), batch=10) == "zfbench identify sir --seconds 60 --batch 10"


@pytest.mark.parametrize("changes", [{"budgets": ()}, {"budgets": (5, 5)}, {"replicates": 0}])
def test_nothing_to_measure_is_refused(changes):
    with pytest.raises(ZfbenchError, match="Give different numbers of updates"):
        replace(SMALL, **changes)


def test_family_without_a_truth_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setattr(plugins, "names", lambda kind: ("zfish",))
    with pytest.raises(ZfbenchError, match=r"'sir' cannot be identified yet, .* families that do: zfish"):
        contest_of(SimpleNamespace(name="sir"))


def test_kinds_can_be_chosen_and_the_truth_is_always_there(monkeypatch, loaded_masked):
    monkeypatch.setattr(plugins, "names", lambda kind: ("zfish",))
    monkeypatch.setattr(plugins, "load", lambda kind, name: zfish)
    assert {c.kind for c in contest_of(loaded_masked, ["generic"]).contenders} == {"truth", "generic"}


@pytest.mark.parametrize("task", ["masked", "driven"])
def test_contest_of_the_larva_holds_each_true_feature_added_and_removed(task, request):
    task = request.getfixturevalue(task)
    contest = zfish(task)
    by = {(c.kind, c.name): parse(c.source, task.spec) for c in contest.contenders}
    seed, truth = by["seed", "start of the rate family"], by["truth", "true form, true inputs"]
    assert (seed, truth) == (start(task.spec), true_genotype(published(), task.spec))
    features = {name for kind, name in by if kind == "added"}
    assert features == {name for kind, name in by if kind == "removed"}
    assert {"S: gate min", "MN: synapse drive", "AF: rate drive", "BG: reset drive", "PT: slope drive"} < features
    added = seed
    for name in features - {"inputs of all groups"}:
        group, gene, choice = name.replace(":", "").split()
        assert by["added", name] == seed.with_gene([group], gene, choice)
        assert by["removed", name] == truth.with_gene([group], gene, getattr(seed.block(group), gene))
        added = added.with_gene([group], gene, choice)
    assert added == by["removed", "inputs of all groups"]  # all features of form: the truth but for its inputs
    for group, block in by["added", "inputs of all groups"].blocks:
        assert (block.sources, block.channels) == (truth.block(group).sources, truth.block(group).channels)
        assert replace(block, sources=None, channels=None) == seed.block(group)
    assert contest.objective == "balanced"
    assert "plain_mae" in contest.others


def test_without_drive_there_is_no_truth_to_say():
    with pytest.raises(ZfbenchError, match=r"shows no drive.*identify 'zfish-tiny/driven' instead"):
        zfish(find_task("zfish-tiny/autonomous").task)


def test_every_objective_is_a_metric_of_evaluations(masked):
    evaluation = ProgramEvaluator(masked, Limits(updates=4))(Program(EXAMPLE), 0)
    assert METRICS.keys() >= {masked.spec.objective}
    assert set(METRICS.values()) <= evaluation.metrics.keys()


def test_the_truth_is_compared_with_something_else(data_cache):
    done = CliRunner().invoke(app, ["identify", "zfish-tiny/masked", "--kind", "truth"])
    assert isinstance(done.exception, ZfbenchError)
    assert "no programs of the kind truth to compare with the truth; choose from seed," in str(done.exception)


def test_two_programs_of_the_larva_are_trained_and_ranked_by_the_command(tmp_path, masked, monkeypatch):
    truth = Contender("true form", "truth", render(true_genotype(published(), masked.spec)))
    contest = Contest((truth, Contender("example", "seed", EXAMPLE)), "balanced", {"plain_mae": "mae"})
    monkeypatch.setattr(module, "contest_of", lambda loaded, kinds: contest)
    small = ["--screening", "30", "--full", "60", "--replicates", "2", "--json"]
    done = CliRunner().invoke(app, ["identify", "zfish-tiny/masked", "--out", str(tmp_path / "out"), *small])
    assert done.exit_code == 0
    (tmp_path / "found.json").write_text(done.stdout)
    found = read(tmp_path / "found.json")
    assert found.command == f"zfbench identify zfish-tiny/masked --replicates 2 {' '.join(small[:4])}"
    assert [c.objective for c in found.found] == ["balanced", "plain_mae"]
    assert [[s.updates for s in c.standings] for c in found.found] == [[30, 60]] * 2
    assert found.found[0].standings[1].ranks == (1, 1)
    assert len({loss for s in found.found[0].standings for values in s.losses.values() for loss in values}) == 8


class MeasuredError(Exception):
    """Raised in place of a measurement, with what was to be measured."""


def test_options_of_the_command_reach_the_measurement(tmp_path, data_cache, monkeypatch):
    compared = []

    def measured(measurement, contest, folder, workers, sandbox, progress, batch):
        raise MeasuredError(measurement, folder, workers, sandbox.name, batch)

    monkeypatch.setattr(module, "contest_of", lambda loaded, kinds: compared.append((loaded.name, kinds)))
    monkeypatch.setattr(module, "identify", measured)
    options = (
        "--first 10 --replicates 3 --screening 5 --full 7 --seconds 60 --kind seed --batch 2 --workers 4 "
        "--sandbox process --out"
    )
    done = CliRunner().invoke(app, ["identify", "zfish-tiny/masked", *options.split(), str(tmp_path)])
    assert isinstance(done.exception, MeasuredError), done.output
    planned = Measurement("zfish-tiny/masked", budgets=(5, 7), replicates=3, seconds=60.0, first=10)
    assert done.exception.args == (planned, tmp_path, 4, "process", 2)
    assert compared == [("zfish-tiny/masked", ["seed"])]


def test_batches_hold_the_missing_replicates_of_one_program_and_one_budget(tmp_path, toy, monkeypatch):
    batches = []

    class Several(Scores):
        def evaluator(self, task, limits, sandbox):
            evaluate = super().evaluator(task, limits, sandbox)

            class At(Evaluator):
                def several(self, program, seeds):
                    batches.append((program.source, limits.updates, len(seeds)))
                    return [evaluate(program, seed) for seed in seeds]

            return At()

    loaded = SimpleNamespace(name="toy", family=Several(), task=SimpleNamespace(data_sha256="0" * 64))
    monkeypatch.setattr(module, "find_task", lambda name: loaded)
    alike = replace(SMALL, replicates=5)
    batched = identify(alike, CONTEST, tmp_path / "batched", batch=3)
    assert sorted(batches) == sorted((p, u, size) for p in ("good", "bad") for u in (5, 7) for size in (3, 2))
    with pytest.raises(ZfbenchError, match="batch = 3, not 1"):
        identify(alike, CONTEST, tmp_path / "batched")
    monkeypatch.setattr(module, "find_task", lambda name: replace_family(loaded, toy))
    assert identify(alike, CONTEST, tmp_path / "alone") == batched


def replace_family(loaded, family):
    return SimpleNamespace(**{**vars(loaded), "family": family})
