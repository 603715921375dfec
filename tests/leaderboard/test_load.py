import json
import random
from concurrent.futures import ProcessPoolExecutor

import pytest

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.records.program import Program
from zfbench.records.reading import add, file_name, load, load_folder
from zfbench.records.result import Evaluated, MethodRecord, ProgramRecord, Result, Spend


@pytest.fixture
def rich(make):
    """A result in which most fields are used."""
    return make(
        "random_search",
        kind="search",
        method=MethodRecord(name="random_search", kind="search", proposer="grammar", settings={"restarts": True}),
        metrics={"forecast/id/mae": 0.25, "connectivity/wiring/auroc": 0.75, "dynamics/impulse/error": 1.5},
        curves={"forecast/id/mae": [0.125, 0.25]},
        notes=("a note",),
        timings={"fit": 1.0},
        program=ProgramRecord(id=Program("x = 1\n").id, source="x = 1\n", validation_loss=0.5, training={"updates": 3}),
        spend=Spend(evaluations=2, device_seconds=2.5, tokens=7),
        search=searched(),
        finals=({"program": "ab", "screened_loss": 0.5, "full_loss": None, "status": "timeout"},),
    )


def searched(parents=(1,), loss=0.25, status="ok", seconds=2.0):
    """Two programs that a search evaluated; the arguments are the second one's."""
    first = Evaluated(program="ab", operator="seed", status="ok", loss=0.5, spend=Spend(device_seconds=1.0))
    spend = Spend(device_seconds=seconds)
    return (first, Evaluated(program="c", operator="mutate", parents=parents, status=status, loss=loss, spend=spend))


def test_names_tell_runs_apart(make):
    searched = {"name": "puct", "kind": "search", "proposer": "grammar"}
    names = {
        file_name(make()),
        file_name(make(seed=1)),
        file_name(make("other")),
        file_name(make(track="masked")),
        file_name(make(method=MethodRecord(**searched))),
        file_name(make(method=MethodRecord(**searched, settings={"c": 1.0}))),
        file_name(make(method=MethodRecord(**searched, settings={"c": 2.0}))),
        file_name(make(method=MethodRecord(**(searched | {"proposer": "llm"})))),
    }
    assert len(names) == 8
    assert file_name(make()) == "zfish-tiny-driven__mean__seed0.json"


def test_what_was_added_is_read_back_and_never_overwritten(tmp_path, make):
    path = add(tmp_path, make())
    assert load(path) == make(created=load(path).created)
    before = path.read_bytes()
    with pytest.raises(ZfbenchError, match="already there and results are never overwritten"):
        add(tmp_path, make(metrics={"forecast/id/mae": 0.5}))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # nothing temporary is left


def test_what_could_not_be_read_back_is_not_added(tmp_path, make):
    with pytest.raises(DamagedFileError, match="family has no entry in metric_versions"):
        add(tmp_path, make(metrics={"taste/salt": 0.5}))
    assert not list(tmp_path.iterdir())


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
        ("seed", "0", r"seed: .*valid integer.*; to mend it, correct it"),
        ("seed", -1, r"seed: it is negative"),
        ("sede", 1, r"sede: .*not permitted; to mend it, remove the field"),
        ("metrics", {}, r"metrics: a result that is ok has scores"),
        ("metrics", {"forecast/id/mae": -0.1}, r"metrics\.forecast/id/mae: an error cannot be negative"),
        ("metrics", {"forecast/id/mae/group/MN": -0.1}, r"an error cannot be negative"),
        ("metrics", {"connectivity/wiring/auroc": 1.5}, r"auroc: 1\.5 is outside \[0, 1\]"),
        ("metrics", {"taste/id/mae": 0.1}, r"family has no entry in metric_versions"),
        ("metrics", {"forecast/id/mae": None}, r"metrics\.forecast/id/mae"),
        ("status", "timeout", r"metrics: a result with status 'timeout' has none; to mend it, remove the scores"),
        ("benchmark_version", 99, r"benchmark_version: .*install the newer zfbench"),
        ("program", {"id": "ab", "source": "x"}, r"program\.id: it is not the hash of the source"),
    ],
)
def test_a_fault_is_named_with_its_file_field_and_mend(tmp_path, make, field, content, sentence):
    path = tmp_path / "r.json"
    path.write_text(json.dumps(json.loads(make().model_dump_json()) | {field: content}))
    with pytest.raises(DamagedFileError, match=r"r\.json: .*" + sentence) as caught:
        load(path)
    assert "to mend it" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"parents": (2,)}, r"search\.1\.parents: program 2 can only come of earlier ones"),
        ({"parents": (0,)}, r"search\.1\.parents"),
        ({"loss": None}, r"search\.1\.loss: a program has a loss if and only if it worked"),
        ({"status": "error"}, r"search\.1\.loss"),
        ({"seconds": 0.5}, r"search\.1\.spend\.device_seconds: what was spent cannot become less"),
    ],
)
def test_a_search_that_cannot_have_been_is_refused(tmp_path, make, change, sentence):
    path = tmp_path / "r.json"
    make(search=searched()).write(path)
    assert load(path).search == searched()
    make(search=searched(**change)).write(path)
    with pytest.raises(DamagedFileError, match=sentence + ".*; to mend it, search again"):
        load(path)


def test_a_missing_field_is_named(tmp_path, make):
    content = json.loads(make().model_dump_json())
    del content["task"]["data_sha256"]
    (tmp_path / "r.json").write_text(json.dumps(content))
    with pytest.raises(DamagedFileError, match=r"task\.data_sha256: .*required; to mend it, add the field"):
        load(tmp_path / "r.json")


@pytest.mark.parametrize("text", ['{"seed": 1, "seed": 2}', '{"x": NaN}', '{"x": 1e999}', "[" * 100_000, "", "{}x"])
def test_what_json_parsers_let_through_is_refused(tmp_path, text):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(DamagedFileError, match="the whole file: it is not JSON"):
        load(tmp_path / "r.json")


def test_two_files_of_one_run_are_refused(tmp_path, make):
    add(tmp_path / "a", make())
    add(tmp_path / "b", make())
    with pytest.raises(DamagedFileError, match="holds the same run; to mend it, remove one of the two"):
        load_folder(tmp_path)


def test_what_else_lies_in_the_folders_of_searches_is_no_result(tmp_path, make):
    run = tmp_path / "run"
    add(run, make(), "result.json")
    (run / "population.json").write_text("[]")
    (tmp_path / ".begun").mkdir()
    (tmp_path / ".begun" / "result.json").write_text("{}")
    assert load_folder(tmp_path) == [make()]


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
            assert "; to mend it, " in refusal
            continue
        written = json.loads(path.read_bytes())
        read = json.loads(result.model_dump_json())
        assert Result.model_validate(read) == result  # what is accepted survives another round
        assert written.pop("created", None) is None or result.created.tzinfo is not None
        assert _within(written, read), path.read_bytes()
        assert result.metrics.get("forecast/id/mae", 0) >= 0
        assert 0 <= result.metrics.get("connectivity/wiring/auroc", 0) <= 1
    assert 500 < refused < 990  # the mutations are neither all fatal nor all harmless
