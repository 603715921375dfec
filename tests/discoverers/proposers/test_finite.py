from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.discoverers.proposers.finite import FiniteProposer
from zfbench.protocols.proposer import Context
from zfbench.records.evaluation import Request
from zfbench.records.program import Program
from zfbench.records.recordings import TaskSpec

SPEC = TaskSpec("toy", "", "", 1.0, 4, 4, ("a",), ("A",), ())
CONTEXT = Context(SPEC, (), frozenset())


@pytest.fixture
def folder(tmp_path):
    for name in "cab":
        (tmp_path / f"{name}.py").write_text(f"{name} = 1\n")
    return tmp_path


def test_every_program_is_drawn_alike(folder):
    proposer, rng = FiniteProposer(SPEC, str(folder)), np.random.default_rng(0)
    drawn = Counter(proposer.propose(Request(k, "mutate"), CONTEXT, rng).source for k in range(3_000))
    assert set(drawn) == {"a = 1\n", "b = 1\n", "c = 1\n"}
    assert all(abs(count - 1_000) < 130 for count in drawn.values())


def test_programs_are_identified_by_content_in_order(folder):
    assert FiniteProposer(SPEC, str(folder)).identity == {"programs": [Program(f"{n} = 1").id for n in "abc"]}
    chosen = [str(folder / "c.py"), str(folder / "a.py")]
    assert FiniteProposer(SPEC, chosen).identity == {"programs": [Program(f"{n} = 1").id for n in "ca"]}


def test_no_programs_and_missing_files_are_explained(tmp_path):
    with pytest.raises(ZfbenchError, match=rf"has no programs in {tmp_path}; give it a folder"):
        FiniteProposer(SPEC, str(tmp_path))
    with pytest.raises(ZfbenchError, match="check the path"):
        FiniteProposer(SPEC, [str(tmp_path / "none.py")])


def test_programs_take_turns_at_first_and_are_drawn_later(folder):
    proposer, rng = FiniteProposer(SPEC, str(folder), in_turn=6), np.random.default_rng(0)
    first = [proposer.propose(Request(k, "mutate"), CONTEXT, rng).source[0] for k in range(1, 7)]
    assert "".join(first) == "abcabc"
    later = Counter(proposer.propose(Request(k, "mutate"), CONTEXT, rng).source[0] for k in range(7, 307))
    assert min(later.values()) > 60
    assert [later[n] for n in "abc"] != [100] * 3


def test_candidates_of_the_task_are_the_programs_unless_others_are_given(folder):
    @dataclass
    class Enumerable:
        candidates: tuple[str, ...] = ("x = 1", "y = 2")

    rng = np.random.default_rng(0)
    proposer = FiniteProposer(Enumerable(), in_turn=2)
    assert [proposer.propose(Request(k, "mutate"), CONTEXT, rng).source for k in (1, 2)] == ["x = 1", "y = 2"]
    assert FiniteProposer(Enumerable(), str(folder)).identity == FiniteProposer(SPEC, str(folder)).identity
    with pytest.raises(ZfbenchError, match="no programs in"):
        FiniteProposer(Enumerable(), str(folder / "mistyped"))
