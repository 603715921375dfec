import matplotlib.pyplot as plt
import numpy as np
import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program, Status
from zfbench.search.eventlog import Event
from zfbench.search.tree import draw_picture, draw_text, family


def events(*rows):
    """An event log of (source, parents, loss), None for a failure; an empty source for a missing answer."""
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


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """The axes of a picture, which are gone otherwise once it is written."""

    def draw(*losses):
        figures = []
        monkeypatch.setattr(plt, "close", figures.append)
        draw_picture(family(events(*((str(k), (), loss) for k, loss in enumerate(losses)))), tmp_path / "tree.png")
        monkeypatch.undo()
        (axes,) = figures[0].axes
        plt.close(figures[0])
        return axes

    return draw


@pytest.mark.parametrize(
    ("losses", "scale"),
    [
        ((0.5, 0.01), "log"),
        ((-300.0, -200.0), "linear"),
        ((-1.0, 2.0, None), "linear"),
        ((0.0, None), "linear"),
        ((-3.0, None, None), "linear"),
        ((None,), "log"),
    ],
)
def test_every_program_is_in_the_picture_whatever_the_sign_of_its_loss(drawn, losses, scale):
    axes = drawn(*losses)
    assert axes.get_yscale() == scale
    points = np.concatenate([found.get_offsets() for found in axes.collections])
    assert len(points) == len(losses)
    low, high = axes.get_ylim()
    assert all(low < height < high for height in points[:, 1])
    failed = [height for number, height in points if losses[int(number) - 1] is None]
    assert all(height > loss for height in failed for loss in losses if loss is not None)


def test_run_without_evaluations_is_explained():
    with pytest.raises(ZfbenchError, match="no program yet"):
        family([])
