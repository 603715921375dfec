import json
import random
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.records.program import Program
from zfbench.records.reading import add, disputed, file_name, load, load_folder, load_folders, result_files, setup_of
from zfbench.records.result import Evaluated, ProgramRecord, Result
from zfbench.records.spend import Spend
from zfbench.runs.validation import validate


@pytest.fixture
def rich(make, search_method):
    """A result in which most fields are used."""
    return make(
        **search_method("random_walk", settings={"parent": "any"}),
        metrics={"forecast/id/mae": 0.25, "connectivity/wiring/auroc": 0.75, "dynamics/impulse/error": 1.5},
        curves={"forecast/id/mae": [0.125, 0.25]},
        notes=("a note",),
        timings={"fit": 1.0},
        program=ProgramRecord(id=Program("x = 1\n").id, source="x = 1\n", validation_loss=0.5, training={"updates": 3}),
        spend=Spend(evaluations=2, device_seconds=2.5, tokens=7),
        evaluated=searched(),
        finals=({"program": "ab", "screened_loss": 0.5, "full_loss": None, "status": "timeout"},),
    )


def searched(parents=(1,), loss=0.25, status="ok", seconds=2.0):
    """Two programs that a search evaluated; the arguments are the second one's."""
    first = Evaluated(program="ab", operator="seed", status="ok", loss=0.5, spend=Spend(device_seconds=1.0))
    spend = Spend(device_seconds=seconds)
    return (first, Evaluated(program="c", operator="mutate", parents=parents, status=status, loss=loss, spend=spend))


def test_names_tell_runs_apart(make, search_method):
    names = [
        file_name(result)
        for result in (
            make(),
            make(seed=1),
            make("other"),
            make(track="masked"),
            make(**search_method()),
            make(**search_method(proposer="llm")),
            make(**search_method(settings={"c": 1.0})),
            make(**search_method(settings={"c": 2.0})),
            make(**search_method(proposer_settings={"c": 1.0})),
            make(**search_method(budget={"evaluations": 9})),
            make(**search_method(budget={"evaluations": 8, "updates": 400})),
            make(**search_method(options={"finalists": 0})),
            make(**search_method(options={"patience": 2000})),
            make(**search_method(options={"ideas": ("rebound",)})),
        )
    ]
    assert len(set(names)) == len(names)
    assert names[0] == "zfish-tiny-driven__mean__seed0.json"
    assert names[4].startswith("zfish-tiny-driven__puct__grammar__8-evaluations__")


def test_a_name_tells_a_large_or_broken_budget_in_full(make, search_method):
    named = file_name(make(**search_method(budget={"tokens": 2_000_001, "money": 0.5})))
    assert named.startswith("zfish-tiny-driven__puct__grammar__2000001-tokens-0.5-money__")


def test_the_name_of_a_run_is_known_before_its_proposer_says_who_it_is(make, search_method):
    known = search_method()
    later = search_method(proposer_identity={"prompts": "a hash"})
    assert file_name(make(**known)) == file_name(make(**later))


def test_a_proposers_version_is_kept_and_left_out_where_there_is_none(tmp_path, make, search_method):
    for version in (None, 3):
        result = make(**search_method(proposer_version=version))
        result.write(tmp_path / file_name(result))
        text = (tmp_path / file_name(result)).read_text(encoding="utf-8")
        assert ("proposer_version" in text) == (version is not None)
        assert load(tmp_path / file_name(result)).method == result.method


def test_results_of_two_versions_of_a_proposer_are_of_two_setups(make, search_method):
    one, other = (make(**search_method(proposer_version=version)) for version in (1, 2))
    assert setup_of(one) != setup_of(other)
    assert setup_of(one) == setup_of(make(seed=5, **search_method(proposer_version=1)))


def test_two_budgets_live_in_one_folder(tmp_path, make, search_method):
    for evaluations in (8, 40):
        add(tmp_path, make(**search_method(budget={"evaluations": evaluations})))
    assert {result.search.budget["evaluations"] for result in load_folder(tmp_path)} == {8, 40}


def test_what_was_added_is_read_back_and_never_overwritten(tmp_path, make):
    path = add(tmp_path, make())
    assert load(path).model_dump() == make(created=load(path).created).model_dump()
    before = path.read_bytes()
    with pytest.raises(ZfbenchError, match="already there and results are never overwritten"):
        add(tmp_path, make(metrics={"forecast/id/mae": 0.5}))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # nothing temporary is left


def test_what_could_not_be_read_back_is_not_added(tmp_path, make):
    with pytest.raises(DamagedFileError, match="family has no entry in metric_versions"):
        add(tmp_path, make(metrics={"taste/salt": 0.5}))
    assert not list(tmp_path.iterdir())


def test_a_result_that_is_refused_leaves_the_pictures_of_the_first_alone(tmp_path, make):
    first, second = (make().with_pictures({"p": np.array([value], np.float16)}) for value in (1.0, 2.0))
    path = add(tmp_path, first)
    with pytest.raises(ZfbenchError, match="never overwritten"):
        add(tmp_path, second)
    assert load(path).pictures["p"] == 1.0


def _add(folder, result):
    try:
        add(folder, result)
    except ZfbenchError:
        return False
    return True


def test_of_concurrent_writers_of_one_run_exactly_one_succeeds(tmp_path, make):
    contenders = [make(metrics={"forecast/id/mae": i / 8}) for i in range(8)]
    others = [make(seed=i) for i in range(1, 9)]
    with ProcessPoolExecutor(4) as pool:
        won = list(pool.map(_add, [tmp_path] * 16, contenders + others))
    assert sum(won[:8]) == 1
    assert all(won[8:])
    results = load_folder(tmp_path)
    assert len(results) == 9
    assert next(r for r in results if r.seed == 0).metrics == contenders[won.index(True)].metrics


@pytest.mark.parametrize(
    ("field", "content", "sentence"),
    [
        ("seed", "0", r"seed: .*valid integer.* \(how to fix it: correct it"),
        ("seed", -1, r"seed: Input should be greater than or equal to 0"),
        ("sede", 1, r"sede: .*not permitted \(how to fix it: remove the field"),
        ("metrics", {}, r"metrics: a result that is ok has scores"),
        ("metrics", {"forecast/id/mae": -0.1}, r"metrics\.forecast/id/mae: an error cannot be negative"),
        ("metrics", {"forecast/id/mae/group/MN": -0.1}, r"an error cannot be negative"),
        ("metrics", {"connectivity/wiring/auroc": 1.5}, r"auroc: 1\.5 is outside \[0, 1\]"),
        ("metrics", {"taste/id/mae": 0.1}, r"family has no entry in metric_versions"),
        ("metrics", {"forecast/id/mae": None}, r"metrics\.forecast/id/mae"),
        ("status", "timeout", r"metrics: a result with status 'timeout' has none \(how to fix it: remove the scores"),
        ("benchmark_version", 99, r"benchmark_version: .*install the newer zfbench"),
        ("program", {"id": "ab", "source": "x"}, r"program\.id: it is not the hash of the source"),
    ],
)
def test_a_fault_is_named_with_its_file_its_field_and_how_to_fix_it(tmp_path, make, field, content, sentence):
    path = tmp_path / "r.json"
    path.write_text(json.dumps(json.loads(make().model_dump_json()) | {field: content}))
    with pytest.raises(DamagedFileError, match=r"r\.json: .*" + sentence) as caught:
        load(path)
    assert "(how to fix it: " in str(caught.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"parents": (2,)}, r"evaluated\.1\.parents: program 2 has a parent that was not evaluated before it"),
        ({"parents": (0,)}, r"evaluated\.1\.parents"),
        ({"loss": None}, r"evaluated\.1\.loss: a program has a loss if and only if it worked"),
        ({"status": "error"}, r"evaluated\.1\.loss"),
        ({"seconds": 0.5}, r"evaluated\.1\.spend\.device_seconds: what was spent cannot become less"),
    ],
)
def test_a_search_that_cannot_have_been_is_refused(tmp_path, make, change, sentence):
    path = tmp_path / "r.json"
    make(evaluated=searched()).write(path)
    assert load(path).evaluated == searched()
    make(evaluated=searched(**change)).write(path)
    with pytest.raises(DamagedFileError, match=sentence + r".* \(how to fix it: search again"):
        load(path)


def test_a_missing_field_is_named(tmp_path, make):
    content = json.loads(make().model_dump_json())
    del content["task"]["data_sha256"]
    (tmp_path / "r.json").write_text(json.dumps(content))
    with pytest.raises(DamagedFileError, match=r"task\.data_sha256: .*required \(how to fix it: add the field"):
        load(tmp_path / "r.json")


@pytest.mark.parametrize("text", ['{"seed": 1, "seed": 2}', '{"x": NaN}', '{"x": 1e999}', "[" * 100_000, "", "{}x"])
def test_what_json_parsers_let_through_is_refused(tmp_path, text):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(DamagedFileError, match="the whole file: it is not JSON"):
        load(tmp_path / "r.json")


def test_two_files_of_one_run_are_refused(tmp_path, make):
    add(tmp_path / "a", make())
    add(tmp_path / "b", make())
    with pytest.raises(DamagedFileError, match=r"holds the same run \(how to fix it: remove one of the two"):
        load_folder(tmp_path)


def of_program(source):
    return ProgramRecord(id=Program(source).id, source=source)


@pytest.mark.parametrize("for_tables", [False, True])
def test_two_programs_of_one_name_are_no_seeds_of_one_row(tmp_path, make, for_tables, data_cache):
    one, edited = of_program("x = 1"), of_program("x = 2")
    for seed in (0, 1):
        add(tmp_path, make("mine", kind="program", seed=seed, program=one))
    add(tmp_path, make("other", kind="program", seed=2, program=edited))
    assert len(load_folders([tmp_path], for_tables)) == 3
    third = add(tmp_path, make("mine", kind="program", seed=2, program=edited))
    with pytest.raises(ZfbenchError, match="hold results of two methods under the name 'mine'") as caught:
        load_folders([tmp_path], for_tables)
    assert f"seed0.json and {third}" in str(caught.value)
    assert f"(program {one.id[:12]} and program {edited.id[:12]})" in str(caught.value)
    assert str(caught.value) in validate(result_files(tmp_path)).faults


def test_an_object_and_a_program_of_one_name_are_no_seeds_of_one_row(tmp_path, make):
    add(tmp_path, make("mine", kind="program", program=of_program("x = 1")))
    add(tmp_path, make("mine", seed=1))
    with pytest.raises(ZfbenchError, match=r"under the name 'mine' \(program \w{12} and baseline\), which would be"):
        load_folder(tmp_path)


def test_the_programs_that_the_seeds_of_a_search_found_differ(tmp_path, make, search_method):
    for seed in (0, 1):
        add(tmp_path, make(seed=seed, program=of_program(f"x = {seed}"), **search_method()))
    assert len(load_folder(tmp_path)) == 2


def test_what_else_lies_in_the_folders_of_searches_is_no_result(tmp_path, make):
    run = tmp_path / "run"
    add(run, make(), "result.json")
    (run / "population.json").write_text("[]")
    (tmp_path / ".begun").mkdir()
    (tmp_path / ".begun" / "result.json").write_text("{}")
    (found,) = load_folder(tmp_path)
    assert found.comparable() == make().comparable()


def test_results_for_tables_are_those_without_what_only_pages_show(tmp_path, rich):
    add(tmp_path, rich)
    (whole,), (lean,) = load_folders([tmp_path]), load_folders([tmp_path], for_tables=True)
    assert (whole.program, whole.evaluated, whole.curves, whole.finals) != (None, (), {}, ())
    assert (lean.program, lean.evaluated, lean.curves, lean.finals) == (None, (), {}, ())
    rest = {"program", "evaluated", "curves", "finals"}
    assert lean.model_dump(exclude=rest) == whole.model_dump(exclude=rest)


def test_a_damaged_program_is_refused_also_where_only_tables_are_wanted(tmp_path, rich):
    path = add(tmp_path, rich)
    path.write_text(path.read_text().replace("x = 1", "x = 2"))
    with pytest.raises(DamagedFileError, match=r"program\.id: it is not the hash of the source"):
        load_folders([tmp_path], for_tables=True)


def test_one_run_under_other_versions_of_the_metrics_is_another_run(tmp_path, make):
    add(tmp_path / "a", make())
    add(tmp_path / "b", make(metric_versions={"forecast": 2}))
    assert len(load_folder(tmp_path)) == 2


def test_a_family_is_disputed_if_two_results_have_different_versions_of_it(make):
    one, other = make(metric_versions={"forecast": 1, "dynamics": 1}), make(metric_versions={"forecast": 2})
    failed = make(status="timeout")
    assert disputed([one, other, failed]) == {"forecast"}
    assert disputed([one, one, failed]) == frozenset()


def old_file(path, make):
    """What zfbench 0.1 wrote, as far as its first fields go."""
    content = json.loads(make().model_dump_json()) | {"schema_version": 1, "search": []}
    path.write_text(json.dumps(content))
    return path


def test_a_result_of_schema_1_is_refused_with_what_to_run(tmp_path, make):
    path = old_file(tmp_path / "r.json", make)
    for read in (load, load_folder):
        with pytest.raises(DamagedFileError, match=r"written by zfbench 0\.1 .*`zfbench suite run`") as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_result_of_a_later_schema_is_refused_by_that_field(tmp_path, make):
    content = json.loads(make().model_dump_json()) | {"schema_version": 4}
    (tmp_path / "r.json").write_text(json.dumps(content))
    with pytest.raises(DamagedFileError, match="schema_version"):
        load(tmp_path / "r.json")


@given(cut=st.integers(0, 10_000))
def test_a_torn_file_is_refused_with_one_sentence(tmp_path_factory, make, cut):
    path = tmp_path_factory.mktemp("torn") / "r.json"
    text = make().text().rstrip()
    path.write_text(text[: min(cut, len(text) - 1)])
    with pytest.raises(DamagedFileError, match=r"not JSON.*torn or was edited by hand") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_what_is_not_text_and_what_is_not_there_are_told_apart(tmp_path):
    (tmp_path / "r.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DamagedFileError, match="byte 0 is not text"):
        load(tmp_path / "r.json")
    with pytest.raises(ZfbenchError, match=r"Cannot read .*check the path"):
        load(tmp_path / "none.json")


def test_an_empty_folder_says_how_to_fill_it(tmp_path):
    with pytest.raises(ZfbenchError, match=r"no results in .*suite run"):
        load_folder(tmp_path)


def _mutate_bytes(text, rng):
    data = bytearray(text.encode())
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data))
        action = rng.randrange(4)
        if action == 0:
            data[at] = rng.randrange(256)
        elif action == 1:
            del data[at : at + rng.randint(1, 30)]
        elif action == 2:
            data[at:at] = data[rng.randrange(len(data)) :][: rng.randint(1, 30)]
        else:
            data[at] = rng.choice(b'0123456789-.eE"{}[],:')
    return bytes(data)


STRANGE = (None, True, -1, 0, 1.5, 10**400, "", "nan", "ok", "\u0000", "\ud800", [], {}, [[]], {"a": None}, -0.0)


def _mutate_fields(text, rng):
    content = json.loads(text)
    node = content
    while True:
        key = rng.choice(list(node) if isinstance(node, dict) else range(len(node)))
        if isinstance(node[key], dict | list) and node[key] and rng.random() < 0.7:
            node = node[key]
            continue
        break
    if rng.random() < 0.3:
        del node[key]
    elif isinstance(node, dict) and rng.random() < 0.2:
        node[f"{key}x"] = node[key]
    else:
        node[key] = rng.choice(STRANGE)
    return json.dumps(content).encode()


def _within(part, whole):
    """Whether everything in `part` is in `whole` unchanged; `whole` may add defaults."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and _within(value, whole[key]) for key, value in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) == len(whole) and all(map(_within, part, whole))
    return part == whole and isinstance(part, bool) == isinstance(whole, bool)


def _load_or_refusal(path):
    try:
        return load(path), ""
    except ZfbenchError as error:
        return None, str(error)


def test_a_thousand_mutated_files_are_refused_with_one_sentence_or_read_as_they_stand(tmp_path, rich):
    rng = random.Random(7)
    text = rich.model_dump_json()
    path = tmp_path / "r.json"
    refused = 0
    for i in range(1000):
        path.write_bytes((_mutate_bytes if i % 2 else _mutate_fields)(text, rng))
        result, refusal = _load_or_refusal(path)
        if result is None:
            refused += 1
            assert "\n" not in refusal
            assert str(path) in refusal
            assert "how to fix it: " in refusal
            continue
        written = json.loads(path.read_bytes())
        read = json.loads(result.model_dump_json())
        assert (
            Result.model_validate(read).model_dump() == result.model_dump()
        )  # what is accepted survives another round
        assert written.pop("created", None) is None or result.created.tzinfo is not None
        if not written.get("evaluated"):
            written.pop("evaluated", None)  # no programs may be written as a list or as no columns
        assert _within(written, read), path.read_bytes()
        assert result.metrics.get("forecast/id/mae", 0) >= 0
        assert 0 <= result.metrics.get("connectivity/wiring/auroc", 0) <= 1
    assert 500 < refused < 990  # the mutations are neither all fatal nor all harmless
