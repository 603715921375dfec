import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.records.difference import LONGEST
from zfbench.records.file_form import shortened, whole
from zfbench.records.program import Program
from zfbench.records.reading import load
from zfbench.records.result import Evaluated, ProgramRecord, Result
from zfbench.records.spend import Spend

SOURCE = "".join(f"def part_{number}(activity, drive):\n    return activity + {number}\n" for number in range(40))
OTHER = SOURCE.replace("activity + 7\n", "drive\n")
LINES = st.sampled_from([*SOURCE.splitlines(keepends=True), "\n", "\r\n", "\r", "\u2028", "µ = '🐟'", "no line end"])
SOURCES = st.lists(LINES, max_size=30).map("".join)


def finalist(source, **fields):
    return {"program": Program(source).id, "full_loss": 0.5, "source": source, **fields}


@pytest.fixture
def searched(make, search_method):
    """A search whose winner has a long source, and whose other finalist hardly differs from it."""
    told = (("ab", "seed", (), 1), ("cd", "mutate", (1,), 2), ("ef", "mutate", (1,), 3))
    return make(
        **search_method(),
        metrics={"forecast/id/mae": 0.25, "forecast/id/mae/group/AF": 0.5, "connectivity/wiring/auroc": 0.75},
        curves={"forecast/id/mae": [0.125, 0.25]},
        program=ProgramRecord(id=Program(SOURCE).id, source=SOURCE),
        evaluated=tuple(
            Evaluated(
                program=p, operator=o, parents=a, status="ok", loss=0.5, spend=Spend(evaluations=n, updates=9 * n)
            )
            for p, o, a, n in told
        ),
        finals=(finalist(SOURCE, change=""), finalist(OTHER, change=f"-{OTHER}+{SOURCE}")),
    )


def test_a_result_is_read_back_from_its_file_as_it_was(searched, tmp_path):
    searched.write(tmp_path / "r.json")
    read = load(tmp_path / "r.json")
    assert read == searched
    assert list(read.metrics) == list(searched.metrics)
    assert [list(final) for final in read.finals] == [list(final) for final in searched.finals]
    assert read.text() == (tmp_path / "r.json").read_text(encoding="utf-8")


def test_of_a_finalist_the_file_holds_what_differs(searched):
    first, second = json.loads(searched.text())["finals"]
    assert first == {**searched.finals[0], "source": [[0, len(SOURCE)]]}
    assert [part for part in second["source"] if isinstance(part, str)] == ["drive"]
    assert len(json.dumps(second["change"])) < 100


def test_a_finalist_that_shares_nothing_with_the_winner_is_written_whole(searched):
    changed = searched.model_copy(update={"finals": (finalist("x = 1\n"), {"program": "ab"})})
    assert json.loads(changed.text())["finals"] == list(changed.finals)


@given(st.none() | SOURCES, st.lists(st.tuples(SOURCES, SOURCES), max_size=4))
def test_finals_with_sources_of_every_kind_are_read_back(make, source, texts):
    finals = tuple(finalist(own, change=change) for own, change in texts)
    program = None if source is None else ProgramRecord(id=Program(source).id, source=source)
    result = make(program=program, finals=finals)
    assert Result.model_validate_json(result.text(), strict=True) == result


def test_sources_that_are_longer_than_a_difference_may_be_are_written_whole():
    long = [finalist("x" * (LONGEST // 3) + str(number)) for number in range(4)]
    written = shortened("", long)
    assert [isinstance(final["source"], list) for final in written] == [False, True, False, False]
    assert whole("", written) == tuple(long)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ([[0, 10**9]], r"finals: .*source of number 1: part 1 of a difference is neither text nor a place"),
        ([[0, 10], None], r"finals: .*source of number 1: part 2 of a difference"),
        ([[0, len(SOURCE)], "x = 1"], r"finals\.1\.program: it is not the hash of the source"),
        ([[0, len(SOURCE)]], r"finals\.1\.program: it is not the hash of the source"),
    ],
)
def test_a_damaged_difference_is_refused_in_one_sentence(searched, tmp_path, damage, sentence):
    content = json.loads(searched.text())
    content["finals"][1]["source"] = damage
    path = tmp_path / "r.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DamagedFileError, match=sentence + r".*how to fix it") as caught:
        load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("metrics", "sentence"),
    [
        ([["forecast/id/", {"mae": 0.1}], ["forecast/", {"id/mae": 0.1}]], "metrics: .*a score stands in two groups"),
        ([["forecast/id/"]], "metrics: .*group 1 of the scores is not a prefix"),
        ([["forecast/id/", {"mae": "0.1"}]], r"metrics\.forecast/id/mae: Input should be a valid number"),
        ([["forecast/id/", {"mae": True}]], r"metrics\.forecast/id/mae: Input should be a valid number"),
        ([["forecast/id/", {"mae": -0.1}]], r"metrics\.forecast/id/mae: an error cannot be negative"),
    ],
)
def test_damaged_groups_of_scores_are_refused_in_one_sentence(make, tmp_path, metrics, sentence):
    path = tmp_path / "r.json"
    path.write_text(json.dumps(json.loads(make().text()) | {"metrics": metrics}))
    with pytest.raises(DamagedFileError, match=sentence + r".*how to fix it") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_a_file_of_schema_2_is_read_as_the_same_result(searched, tmp_path):
    content = searched.model_dump(mode="json") | {"schema_version": 2}
    assert isinstance(content["metrics"], dict)
    assert content["finals"][1]["source"] == OTHER
    path = tmp_path / "r.json"
    path.write_text(json.dumps(content))
    assert load(path) == searched
    assert load(path).text() == searched.text()


STRANGE = (
    None,
    True,
    -1,
    0,
    1.5,
    10**400,
    "",
    "ok",
    [],
    {},
    [[]],
    {"a": None},
    [0, 5],
    ["", {}],
    {"runs": [["ok", 9]]},
)


def _mutated(content, rng):
    """The content with one entry at any depth replaced, removed or doubled."""
    node = content = json.loads(json.dumps(content))
    while True:
        key = rng.choice(list(node) if isinstance(node, dict) else range(len(node)))
        if isinstance(node[key], dict | list) and node[key] and rng.random() < 0.8:
            node = node[key]
        elif rng.random() < 0.2:
            del node[key]
            return content
        else:
            node[key] = rng.choice(STRANGE)
            return content


def _loaded(path):
    try:
        return load(path), ""
    except ZfbenchError as error:
        return None, str(error)


def test_mutated_files_are_refused_with_one_sentence_or_survive_another_round(searched, tmp_path):
    rng, path, refused = random.Random(3), tmp_path / "r.json", 0
    parts = ("metrics", "evaluated", "finals", "program")
    content = json.loads(searched.text())
    for _ in range(500):
        chosen = rng.choice(parts)
        path.write_text(json.dumps(content | _mutated({chosen: content[chosen]}, rng)))
        result, refusal = _loaded(path)
        if result is None:
            refused += 1
            assert str(path) in refusal
            assert "\n" not in refusal
        else:
            result.write(path)
            assert load(path) == result
    assert 150 < refused < 490  # the mutations are neither all fatal nor all harmless
