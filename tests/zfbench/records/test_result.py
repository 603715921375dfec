import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.records.result import (
    Evaluated,
    Machine,
    MethodRecord,
    Result,
    Spend,
    TaskRecord,
    library_versions,
    read,
    read_folder,
)

TASK = TaskRecord(
    name="zfish-tiny/driven", track="driven", tier="tiny", circuit="published", holdout="outward", data_sha256="ab"
)


def make(**changes):
    fields = {
        "task": TASK,
        "method": MethodRecord(name="mean", kind="baseline"),
        "seed": 0,
        "metrics": {"forecast/id/mae": 0.25},
        "metric_versions": {"forecast": 1},
        "libraries": library_versions(),
        "machine": Machine.here(),
    }
    return Result(**(fields | changes))


def test_a_result_survives_the_round_trip(tmp_path):
    result = make(curves={"forecast/id/mae": [0.1, 0.2]}, notes=("a note",))
    result.write(tmp_path / "r.json")
    assert read(tmp_path / "r.json") == result


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_score_that_is_not_a_number_is_refused(value):
    with pytest.raises(ValidationError):
        make(metrics={"forecast/id/mae": value})


def test_a_field_nobody_knows_is_refused_by_name(tmp_path):
    content = json.loads(make().model_dump_json()) | {"extra_score": 1}
    (tmp_path / "r.json").write_text(json.dumps(content))
    with pytest.raises(DamagedFileError, match=r"r\.json.*extra_score.*judge the method again"):
        read(tmp_path / "r.json")


@given(cut=st.integers(0, 400))
def test_a_torn_file_is_refused_with_one_sentence(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("torn") / "r.json"
    text = make().model_dump_json()
    path.write_text(text[: min(cut, len(text) - 1)])
    with pytest.raises(DamagedFileError, match=r"not a valid result") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_what_is_not_text_and_what_is_not_there_are_told_apart(tmp_path):
    (tmp_path / "r.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DamagedFileError, match="not text"):
        read(tmp_path / "r.json")
    with pytest.raises(ZfbenchError, match="Cannot read"):
        read(tmp_path / "none.json")
    with pytest.raises(ZfbenchError, match="no folder"):
        read_folder(tmp_path / "none")


def test_a_folder_is_read_in_order_without_temporary_files(tmp_path):
    for name in ("b", "a"):
        make(seed=ord(name)).write(tmp_path / "sub" / f"{name}.json")
    (tmp_path / ".half.json").write_text("{")
    assert [r.seed for r in read_folder(tmp_path)] == [ord("a"), ord("b")]


def test_runs_that_differ_only_in_machine_and_time_are_comparable():
    first = make(timings={"fit": 1.0})
    other = Machine(system="other", processor="other", cores=1, device="gpu")
    second = make(timings={"fit": 9.0}, machine=other)
    assert first.comparable() == second.comparable()
    assert first.comparable() != make(metrics={"forecast/id/mae": 0.26}).comparable()


def test_a_machine_without_features_can_be_read_and_features_are_no_part_of_a_score():
    content = json.loads(make().model_dump_json())
    del content["machine"]["features"]
    old = Result.model_validate(content)
    assert old.machine.features == ""
    assert old.comparable() == make().comparable()


def searched(seconds, tokens=5):
    spend = Spend(evaluations=1, wall_seconds=seconds, device_seconds=seconds, tokens=tokens)
    return make(search=(Evaluated(program="ab", operator="seed", status="ok", loss=0.5, spend=spend),))


def test_the_clock_of_a_search_is_a_machine_field_and_its_course_is_not():
    assert searched(1.0).comparable() == searched(2.0).comparable()
    assert searched(1.0).comparable() != searched(1.0, tokens=6).comparable()


def test_a_file_without_the_course_of_its_search_can_be_read(tmp_path):
    content = json.loads(make().model_dump_json())
    del content["search"]
    (tmp_path / "r.json").write_text(json.dumps(content))
    assert read(tmp_path / "r.json").search == ()


def test_results_from_before_money_was_counted_stay_valid():
    assert Spend.model_validate({"evaluations": 2, "tokens": 7}).money == 0.0
