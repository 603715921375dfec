"""What a table says beyond its screenings: chance, full trainings and judgements, each measured once."""

import json
from types import MappingProxyType, SimpleNamespace

import pytest

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.protocols.space import Slot, Space
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import CandidateError, Program, Status
from zfbench.records.scores import Scores
from zfbench.runs import table_building, table_judging
from zfbench.runs.table import EVALUATIONS, Measurement, outcomes, screenings
from zfbench.runs.table_judging import JUDGED, by_chance, chosen, in_full, judgements, repeats
from zfbench.search.replicates import FINALS, training_seed


class Toy(Space):
    name = "toy"
    versions = MappingProxyType({"space": 1})
    slots = (Slot("unit", tuple("abcde"), 1), Slot("form", tuple("abcde"), 1), Slot("inputs", ("x", "y"), 0))

    def source(self, codes):
        self.check(codes)
        return f"program = {codes}"


class Model:
    report = SimpleNamespace(updates=2_000)

    def __init__(self, source, seed):
        self.source, self.seed, self.closed = source, seed, False

    def close(self):
        self.closed = True


class Family:
    """Screens by the sum of a program's codes; counts full trainings, of which some fail."""

    def __init__(self):
        self.screened, self.fitted, self.models = [], [], []
        self.refused, self.unstable = (), ()  # sources that cannot be fitted, and that the judge refuses

    def evaluator(self, task, limits, sandbox):
        def measure(program, seed):
            self.screened.append((program.source, seed))
            return Evaluation(Status.OK, float(sum(map(int, filter(str.isdigit, program.source)))))

        return measure

    def candidate(self, task, source, seed, sandbox):
        self.models.append(Model(source, seed))
        return self.models[-1]

    def fit(self, task, model, limits):
        if model.source in self.refused:
            raise CandidateError(Status.TIMEOUT, "too slow")
        self.fitted.append((model.source, model.seed, limits.updates, limits.seconds))

    def selection_loss(self, task, model):
        return 0.5

    def score(self, model, progress, seed):
        assert not model.closed
        if model.source in self.unstable:
            raise CandidateError(Status.NOT_REPEATABLE, "two answers")
        return Scores({"headline/mean": 0.25, "seed": float(seed)}, metric_versions={"headline": 1})


@pytest.fixture
def loaded():
    family = Family()
    task = SimpleNamespace(spec=SimpleNamespace(name="toy/one"), data_sha256="0" * 64)
    return SimpleNamespace(name="toy/one", family=family, task=task, judge=family)


def screened(stage=1):
    return {codes: Evaluation(Status.OK, float(sum(codes))) for codes in Toy().stage(stage)}


def test_a_sample_is_screened_again_with_two_seeds_of_its_own(loaded, tmp_path):
    wanted = repeats(Toy(), 1, screened())
    assert len(wanted) == 2 * 25  # a stage of 25 is sampled whole
    assert [training.codes for training in wanted[::2]] == [training.codes for training in wanted[1::2]]
    table_building.build(Measurement(loaded, Toy(), tmp_path, 60), [1], ["screening", "replicates"])
    seeds = {seed for _, seed in loaded.family.screened[25:]}
    assert seeds == {training_seed("toy/one", replicate) for replicate in (2, 3)}
    assert training_seed("toy/one", FINALS) not in seeds


def test_the_truth_the_best_tenth_and_a_random_tenth_take_turns():
    space = Toy()
    truth, best = (1, 1, 1), [(0, 0, 1), (0, 1, 1)]
    drawn = by_chance(space, 2, space.stage(2))
    assert len(drawn) == len(best)
    turns = [truth, best[0], drawn[0], best[1], drawn[1]]
    assert chosen(space, 2, screened(2)) == list(dict.fromkeys(turns)) == chosen(space, 2, screened(2))


def test_what_is_screened_again_and_what_is_judged_by_chance_are_drawn_apart():
    space = Toy()
    again = [training.codes for training in repeats(space, 1, screened())[::2]]
    drawn = by_chance(space, 1, space.stage(1))
    assert set(drawn) <= set(again)
    assert again[: len(drawn)] != drawn


def test_every_program_that_can_be_the_truth_is_trained_first():
    class Two(Toy):
        slots = (Slot("unit", tuple("abcde"), 1, same=(3,)), *Toy.slots[1:])

    assert chosen(Two(), 2, screened(2))[:3] == [(1, 1, 1), (3, 1, 1), (0, 0, 1)]


def test_of_an_incomplete_stage_its_complete_parts_are_sampled_and_judged(loaded, tmp_path):
    some = dict(list(screened().items())[:-8])  # the last two parts of five lack programs
    assert {codes[1] for codes in chosen(Toy(), 1, some)} <= {0, 1, 2}
    assert {training.codes[1] for training in repeats(Toy(), 1, some)} == {0, 1, 2}
    with pytest.raises(ZfbenchError, match="No part of stage 1 is screened completely yet"):
        chosen(Toy(), 1, dict(list(screened().items())[:4]))
    with pytest.raises(ZfbenchError, match="No part of stage 1 is screened completely yet"):
        table_building.build(Measurement(loaded, Toy(), tmp_path, 60), [1], ["judging"])


def test_one_full_training_gives_the_loss_and_the_scores_in_separate_files(loaded, tmp_path):
    space = Toy()
    codes = space.truth
    table_judging.judge(Measurement(loaded, space, tmp_path, 60), [codes])
    seed = training_seed("toy/one", FINALS)
    assert loaded.family.fitted == [(space.source(codes), seed, 2_000, 60)]
    assert all(model.closed for model in loaded.family.models)
    training = in_full(codes)
    evaluation = json.loads((tmp_path / EVALUATIONS / training.file).read_text())
    assert evaluation["evaluation"]["loss"] == 0.5
    assert "headline" not in json.dumps(evaluation)
    assert outcomes(tmp_path, space, [training])[training].evaluation.loss == 0.5
    judged = judgements(tmp_path, space, [codes, (0, 0, 0)])
    assert judged == {codes: judged[codes]}
    assert (judged[codes].status, judged[codes].metrics) == ("ok", {"headline/mean": 0.25, "seed": 0.0})


def test_a_program_that_fails_is_kept_with_the_reason(loaded, tmp_path):
    space = Toy()
    slow, unstable = (0, 0, 0), (1, 0, 0)
    loaded.family.refused, loaded.family.unstable = (space.source(slow),), (space.source(unstable),)
    table_judging.judge(Measurement(loaded, space, tmp_path, 60), [slow, unstable])
    found = outcomes(tmp_path, space, [in_full(slow), in_full(unstable)])
    assert [str(o.evaluation.status) for o in found.values()] == ["timeout", "ok"]
    judged = judgements(tmp_path, space, [slow, unstable])
    assert [(j.status, j.notes) for j in judged.values()] == [
        ("timeout", ("too slow",)),
        ("not_repeatable", ("two answers",)),
    ]
    assert all(model.closed for model in loaded.family.models)


def test_forecasts_that_are_not_finite_have_no_loss(loaded, tmp_path):
    loaded.family.selection_loss = lambda task, model: None
    table_judging.judge(Measurement(loaded, Toy(), tmp_path, 60), [(0, 0, 0)])
    (found,) = outcomes(tmp_path, Toy(), [in_full((0, 0, 0))]).values()
    assert (str(found.evaluation.status), found.evaluation.loss) == ("non_finite", None)
    assert found.evaluation.spend.updates == 2_000


def test_a_whole_table_goes_on_where_its_limit_stopped_it(loaded, tmp_path):
    space, told = Toy(), []
    counts = []
    for limit in (10, 15, 40, 12, None, None):
        table_building.build(
            Measurement(loaded, space, tmp_path, 60, progress=lambda *step: told.append(step[2])), [1], limit=limit
        )
        counts.append((len(loaded.family.screened), len(loaded.family.fitted)))
    assert counts[:4] == [(10, 0), (25, 0), (65, 0), (75, 2)]
    assert counts[4] == counts[5]
    complete = chosen(
        space, 1, {t.codes: o.evaluation for t, o in outcomes(tmp_path, space, screenings(space, [1])).items()}
    )
    assert counts[4] == (75, len(complete))
    assert "screening 0 of 25" in told
    assert any(text.startswith(f"judging stage 1 {len(complete)} of {len(complete)}") for text in told)


def test_a_judgement_of_another_program_or_a_torn_one_is_refused(loaded, tmp_path):
    space = Toy()
    table_judging.judge(Measurement(loaded, space, tmp_path, 60), [space.truth])
    path = tmp_path / JUDGED / in_full(space.truth).file
    whole = json.loads(path.read_text())
    path.write_text(json.dumps(whole | {"program": Program("x").id}))
    with pytest.raises(DamagedFileError, match="is of another program; remove it"):
        judgements(tmp_path, space, [space.truth])
    path.write_text("{")
    with pytest.raises(DamagedFileError, match="holds no judgement"):
        judgements(tmp_path, space, [space.truth])
