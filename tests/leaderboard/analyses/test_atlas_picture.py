"""The picture of the atlas: which programs it has, and what it says of them."""

import xml.etree.ElementTree as ET

import pytest
from toy_table import judged, make_table

from zfbench.leaderboard.analyses.atlas_picture import BEST, ORDINARY, SCORES, TRUE, Point, columns, draw, relation
from zfbench.leaderboard.analyses.landscape import atlas, landscape
from zfbench.leaderboard.analyses.searches import Comparison
from zfbench.records.program import Program
from zfbench.records.result import ProgramRecord

SPACE = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def described():
    """The toy table with the judgement of every other program."""
    table = make_table()
    return {"landscape": landscape(table), "atlas": atlas(table, judged(table))}


@pytest.fixture
def searches(make, search_method):
    """Two methods with six seeds each; the higher the loss, the lower the scores."""
    found = []
    for name, factor in (("puct", 1.0), ("best_of_n", 2.0)):
        for seed in range(6):
            loss = factor * (1 + seed / 10)
            program = Program(f"x = {loss}")
            record = ProgramRecord(id=program.id, source=program.source, validation_loss=loss)
            scores = dict.fromkeys(SCORES, 1 - loss / 4)
            found.append(make(seed=seed, program=record, metrics=scores, **search_method(name)))
    return found


def test_there_is_a_column_for_each_loss_with_all_judged_programs(described):
    found = columns(described, None)
    assert [len(points) for points in found.values()] == [27, 27]
    screened, full = found.values()
    assert [point.loss for point in full] == pytest.approx([point.loss / 2 for point in screened], rel=1e-3)
    assert sum(point.best for point in screened) == described["atlas"]["programs"]["best tenth"]


def test_a_score_that_is_not_applicable_is_left_out_of_correlations():
    points = [Point(float(k), {"headline/wiring": -float(k)} if k % 2 else {}) for k in range(1, 31)]
    found = relation(points, "headline/wiring")
    assert (found.value, found.n) == (-1.0, 15)
    assert relation(points[:10], "headline/wiring") is None


def test_every_program_is_a_mark_in_each_row_and_the_true_form_a_diamond(described):
    points = described["atlas"]["points"]
    true = sum(point["true"] for point in points)
    picture = ET.fromstring(draw(described, None))
    circles = [mark for mark in picture.iter(f"{SPACE}circle") if float(mark.get("cy")) < 600]
    diamonds = [path for path in picture.iter(f"{SPACE}path") if path.get("fill") == TRUE]
    known = [sum(point[score] is not None for point in points) for score in SCORES]
    assert len(circles) + len(diamonds) == 2 * sum(known) + 1  # and the legend's diamond
    assert len(diamonds) >= 2 * true
    assert {circle.get("stroke") for circle in circles} == {BEST, ORDINARY}


def test_lower_losses_stand_to_the_left_and_higher_scores_above_and_nothing_outside_its_panel(described):
    rows = [row | dict.fromkeys(SCORES, 1 - row["loss"]) for row in described["atlas"]["points"]]
    rows[0][next(iter(SCORES))], rows[1][next(iter(SCORES))] = -3.0, 1.5  # beyond the axis
    for row in rows:
        row["true"] = False
    described["atlas"]["points"] = rows
    picture = ET.fromstring(draw(described, None))
    frame = next(iter(picture.iter(f"{SPACE}rect")))
    panels = [rect for rect in picture.iter(f"{SPACE}rect") if rect.get("x") is not None]
    assert frame is not panels[0]
    assert len(panels) == 2 * len(SCORES)
    for number, panel in enumerate(panels):
        left, top, wide, high = (float(panel.get(name)) for name in ("x", "y", "width", "height"))
        own = [
            (float(circle.get("cx")), float(circle.get("cy")))
            for circle in picture.iter(f"{SPACE}circle")
            if left <= float(circle.get("cx")) <= left + wide and top <= float(circle.get("cy")) <= top + high
        ]
        assert len(own) == len(rows)
        if number % len(SCORES):  # the first row of panels has the two that are beyond the axis
            _, y = zip(*sorted(own), strict=True)
            assert list(y) == sorted(y)  # pixels count downwards: the higher the loss, the lower the score


def test_the_choices_of_searches_have_a_column_too(described, searches):
    compared = Comparison("toy", "grammar", {}, {"puct": tuple(searches[:6]), "best_of_n": tuple(searches[6:])})
    found = columns(described, compared)
    assert [len(points) for points in found.values()] == [27, 27, 12]
    chosen = list(found.values())[-1]
    assert [point.loss for point in chosen] == pytest.approx([r.program.validation_loss for r in searches])
    texts = [text.text for text in ET.fromstring(draw(described, compared)).iter(f"{SPACE}text")]
    assert "live searches, finals, 12 programs" in texts
    assert sum(text is not None and text.startswith("rank correlation -1.00") for text in texts) >= 3
