import pytest

from zfbench.errors import ZfbenchError
from zfbench.programs.contract import Status
from zfbench.search.eventlog import Event
from zfbench.search.family import draw_picture, draw_text, family
from zfbench.search.types import Evaluation, Program


def events(*rows):
    """A journal of (source, parents, loss), None for a failure; an empty source for a missing answer."""
    found = []
    for k, (source, parents, loss) in enumerate(rows):
        program = Program(source, tuple(Program(p).id for p in parents), "mutate", f"makes\n{source}")
        evaluation = Evaluation(Status.ERROR) if loss is None else Evaluation(Status.OK, loss)
        found.append(Event(2 * k, "proposal", {"request": k, "program": program.to_json()}))
        found.append(Event(2 * k + 1, "evaluation", {"request": k, "evaluation": evaluation.to_json()}))
    return found


RUN = events(
    ("seed", (), 0.5),
    ("a", ("seed",), 0.4),
    ("b", ("seed",), None),
    ("", ("a",), None),
    ("c", ("seed", "a"), 0.3),
    ("a", ("c",), 0.4),
)


def test_programs_stand_below_the_one_they_started_from_once_each():
    assert draw_text(family(RUN)).splitlines() == [
        "1  0.5000  mutate: makes seed",
        "  2  0.4000  mutate: makes a",
        "    * 4  0.3000  mutate: makes c",
        "  3  error  mutate: makes b",
    ]


def test_chains_of_any_length_are_drawn():
    rows = [("0", (), 1.0), *((str(k), (str(k - 1),), 1.0 / (k + 1)) for k in range(1, 1_500))]
    assert draw_text(family(events(*rows))).count("\n") == 1_499


@pytest.mark.parametrize("run", [RUN, events(("seed", (), None))])
def test_picture_is_written(tmp_path, run):
    draw_picture(family(run), tmp_path / "tree.png")
    assert (tmp_path / "tree.png").read_bytes().startswith(b"\x89PNG")


def test_run_without_evaluations_is_explained():
    with pytest.raises(ZfbenchError, match="no program yet"):
        family([])
