import json

import pytest

from zfbench.base.errors import DamagedFileError
from zfbench.records.evaluation import Evaluation, Scored
from zfbench.records.program import Program, Status
from zfbench.search import population
from zfbench.search.tree import Member


def member(number, loss, summary=""):
    evaluation = Evaluation(Status.ERROR) if loss is None else Evaluation(Status.OK, loss)
    return Member(number, Scored(Program(f"x = {number}", operator="mutate", summary=summary), evaluation), None)


def particle(found, weight):
    return found.scored.program.id, weight


def test_programs_stand_by_weight_with_their_copies_together_and_their_scores():
    first, best, failed = member(1, 0.5, "leak"), member(2, -1.25, "gate"), member(3, None)
    particles = [particle(first, 0.25), particle(failed, 0.0), particle(best, 0.25), particle(best, 0.5)]
    assert population.draw_text(particles, [first, best, failed]).splitlines() == [
        "The weighted population: 3 programs, 4 particles.",
        "weight  copies",
        "0.7500       2  * 2  -1.2500  mutate: gate",
        "0.2500       1  1  0.5000  mutate: leak",
        "0.0000       1  3  error  mutate: ",
    ]


def test_table_is_short_and_leaves_no_weight_out():
    members = [member(k, 0.1 * k) for k in range(1, 14)]
    *_, last, rest = population.draw_text([particle(m, m.number / 91) for m in members], members).splitlines()
    assert last.split()[2] == "4"
    assert rest == f"{(1 + 2 + 3) / 91:.4f}  for 3 more"


def test_what_was_written_is_read_again_and_damage_is_named(tmp_path):
    path = tmp_path / "population.json"
    population.write([("a", 0.25), ("a", 0.75)], path)
    assert population.read(path) == [("a", 0.25), ("a", 0.75)]
    for damaged in ("", "{}}", json.dumps([{"program": "a"}]), json.dumps([1])):
        path.write_text(damaged)
        with pytest.raises(DamagedFileError, match="zfbench resume"):
            population.read(path)
    with pytest.raises(DamagedFileError, match="did not evaluate"):
        population.draw_text([("a", 1.0)], [member(1, 0.5)])
