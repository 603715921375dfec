import json

import numpy as np
import pytest
from pydantic import ValidationError

from zfbench.base.errors import DamagedFileError
from zfbench.records.reading import load
from zfbench.records.result import Evaluated, Machine, MethodRecord, ProgramRecord, Result
from zfbench.records.spend import Spend


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_score_that_is_not_a_number_is_refused(make, value):
    with pytest.raises(ValidationError):
        make(metrics={"forecast/id/mae": value})


def test_runs_that_differ_only_in_machine_time_and_libraries_are_comparable(make):
    first = make(timings={"fit": 1.0}, spend=Spend(updates=3, device_seconds=1.0, wall_seconds=1.0))
    other = Machine(system="other", processor="other", cores=1, device="gpu", sandbox="process", engine="another")
    second = make(
        timings={"fit": 9.0},
        machine=other,
        libraries={"jax": "0"},
        created="2020-01-01T00:00:00Z",
        spend=Spend(updates=3, device_seconds=2.0, wall_seconds=2.0),
    )
    assert first.comparable() == second.comparable()


@pytest.mark.parametrize(
    "change",
    [
        {"metrics": {"forecast/id/mae": 0.26}},
        {"seed": 1},
        {"data": "cd" * 32},
        {"spend": Spend(updates=3)},
        {"limits": {"updates": 1}},
        {"metric_versions": {"forecast": 2}},
        {"method": MethodRecord(name="mean", kind="baseline", future_drive=True)},
    ],
)
def test_what_decides_a_score_is_compared(make, change):
    assert make().comparable() != make(**change).comparable()


def test_seconds_of_a_training_are_a_machine_field_and_its_updates_are_not(make):
    def trained(**training):
        return make(program=ProgramRecord(id="a", source="x", training=training)).comparable()

    assert trained(updates=3, seconds=1.0) == trained(updates=3, seconds=2.0)
    assert trained(updates=3) != trained(updates=4)


def test_a_machine_without_features_can_be_read_and_features_are_no_part_of_a_score(make):
    content = json.loads(make().model_dump_json())
    del content["machine"]["features"]
    old = Result.model_validate(content)
    assert old.machine.features == ""
    assert old.comparable() == make().comparable()


def test_a_result_that_names_no_sandbox_is_read_and_a_new_one_has_to_name_it(make, tmp_path):
    path = tmp_path / "old.json"
    make().write(path)
    content = json.loads(path.read_text())
    del content["machine"]["sandbox"], content["machine"]["engine"]
    path.write_text(json.dumps(content))
    assert (load(path).machine.sandbox, load(path).machine.engine) == (None, None)
    with pytest.raises(TypeError, match="sandbox"):
        Machine.here()
    here = Machine.here("process", "a graph", "cpu")
    assert (here.sandbox, here.engine, here.device) == ("process", "a graph", "cpu")


def told(seconds, tokens=5):
    spend = Spend(evaluations=1, wall_seconds=seconds, device_seconds=seconds, tokens=tokens)
    return (Evaluated(program="ab", operator="seed", status="ok", loss=0.5, spend=spend),)


def test_the_clock_of_a_search_is_a_machine_field_and_its_course_is_not(make):
    one, slow, dear = (make(evaluated=told(*spent)).comparable() for spent in ((1.0,), (2.0,), (1.0, 6)))
    assert one == slow
    assert one != dear


def test_what_a_search_evaluated_is_written_as_columns_and_read_back(make, tmp_path):
    evaluated = (
        *told(1.25),
        Evaluated(
            program="cd",
            operator="mutate",
            parents=(1,),
            status="timeout",
            spend=Spend(evaluations=2, tokens=9, wall_seconds=3.5, device_seconds=3.5),
        ),
    )
    make(evaluated=evaluated).write(tmp_path / "r.json")
    columns = json.loads((tmp_path / "r.json").read_text())["evaluated"]
    assert columns["loss"] == [0.5, None]
    assert columns["tokens"] == [5, 9]
    assert "money" not in columns  # nothing of it was spent
    assert load(tmp_path / "r.json").evaluated == evaluated


@pytest.mark.parametrize(
    ("column", "content", "sentence"),
    [
        ("loss", [0.5, 0.5], "different lengths"),
        ("loss", None, "not a list"),
        ("loss", "a", "not a list"),
        ("parents", [None], "not a list"),
        ("parents", ["1"], "not a list"),
        ("taste", [1], "not permitted"),
    ],
)
def test_columns_that_cannot_be_are_refused_in_a_sentence(make, tmp_path, column, content, sentence):
    whole = json.loads(make(evaluated=told(1.0)).model_dump_json())
    whole["evaluated"][column] = content
    (tmp_path / "r.json").write_text(json.dumps(whole))
    with pytest.raises(DamagedFileError, match=rf"evaluated.*{sentence}"):
        load(tmp_path / "r.json")


def test_a_file_has_a_line_for_each_field_and_each_group_of_scores(make, tmp_path):
    scores = {"forecast/id/mae": 0.25, "forecast/id/mae_sd": 0.75, "forecast/ood/mae": 0.5}
    result = make(metrics=scores, notes=("µ",))
    result.write(tmp_path / "r.json")
    lines = (tmp_path / "r.json").read_text(encoding="utf-8").splitlines()
    assert '  ["forecast/id/", {"mae": 0.25, "mae_sd": 0.75}],' in lines
    assert '  ["forecast/ood/", {"mae": 0.5}]' in lines
    assert ' "notes": ["µ"],' in lines
    assert len(lines) == 2 + len(Result.model_fields) + 3  # braces; metrics take a line more, and one for each group


@pytest.fixture
def picture():
    return {"forecast/ood/example/MN": np.array([0.5, 0.25], np.float16)}


def test_pictures_lie_beside_the_file_and_are_read_when_asked_for(make, tmp_path, picture):
    make().with_pictures(picture).write(tmp_path / "r.json")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.json", "r.npz"]
    assert "example" not in (tmp_path / "r.json").read_text()
    found = load(tmp_path / "r.json").pictures
    assert found.keys() == picture.keys()
    np.testing.assert_array_equal(found["forecast/ood/example/MN"], picture["forecast/ood/example/MN"])


def test_a_result_without_pictures_has_none_and_writes_no_second_file(make, tmp_path):
    make().with_pictures({}).write(tmp_path / "r.json")
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]
    assert load(tmp_path / "r.json").pictures == {}
    assert make().pictures == {}


def test_a_result_that_replaces_another_takes_its_pictures_away(make, tmp_path, picture):
    make().with_pictures(picture).write(tmp_path / "r.json")
    make(seed=1).with_pictures({}).write(tmp_path / "r.json")
    assert load(tmp_path / "r.json").pictures == {}


def test_a_result_that_was_read_keeps_its_pictures_when_it_is_written_again(make, tmp_path, picture):
    make().with_pictures(picture).write(tmp_path / "r.json")
    known = load(tmp_path / "r.json")
    known.model_copy(update={"notes": ("seen",)}).write(tmp_path / "r.json")
    assert load(tmp_path / "r.json").notes == ("seen",)
    assert load(tmp_path / "r.json").pictures.keys() == picture.keys()


def test_damaged_pictures_are_named_with_what_to_do(make, tmp_path, picture):
    make().with_pictures(picture).write(tmp_path / "r.json")
    (tmp_path / "r.npz").write_bytes(b"PK")
    with pytest.raises(DamagedFileError, match=r"r\.npz holds no arrays .*measure the result beside it again"):
        _ = load(tmp_path / "r.json").pictures
