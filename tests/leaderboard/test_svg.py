"""The drawings of the pages: axes, curves, trees and matrices."""

import base64
import re

import matplotlib.image
import pytest

from zfbench.leaderboard.site.matrix import matrix, runs
from zfbench.leaderboard.site.svg import Line, Scale, bars, lines, trace
from zfbench.leaderboard.site.tree import Node, tree


def test_scales_map_ends_to_ends_and_keep_what_lies_outside_at_the_edge():
    scale = Scale(0.01, 1, 0, 100, log=True)
    assert [scale(v) for v in (0.01, 0.1, 1, 0, 5)] == pytest.approx([0, 50, 100, 0, 100])
    assert Scale(0, 10, 0, 1).ticks() == [0, 2, 4, 6, 8, 10]
    assert Scale(0.01, 1, 0, 1, log=True).ticks() == pytest.approx([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1])
    straight = Scale(0, 4, 100, 0)
    assert straight.all([0, 1, 4, 9]) == pytest.approx([straight(v) for v in (0, 1, 4, 9)])


def test_empty_plots_are_empty():
    assert lines([], "x", "y") == ""
    assert tree([Node(1, None, None, "failed", "")], "x", "y") == ""


def test_plots_of_one_value_or_of_nothing_but_zeros_can_be_drawn():
    assert "nan" not in lines([Line("flat", "model", [1], [0.0])], "x", "y")
    assert "nan" not in bars([("MN", 0.0)])


def test_negative_losses_are_drawn_apart_and_in_order():
    drawn = str(lines([Line("nats", "model", [1, 2, 3], [-10.0, -40.0, -20.0])], "x", "y", legend=False))
    course = re.search(r'class="curve model" points="([^"]+)"', drawn).group(1).split()
    first, lowest, last = (float(point.split(",")[1]) for point in course)
    assert first < last < lowest


def test_entries_of_a_legend_do_not_meet_however_long_their_names_are():
    curves = [Line(f"a name of some length, number {i}", f"line-{i}", [0, 1], [0, i]) for i in range(5)]
    entries = re.findall(r'class="entry" x="(\d+)" y="(\d+)">([^<]+)', lines(curves, "x", "y"))
    assert len(entries) == 5
    boxes = [(int(x), int(x) + 6 * len(name), int(y)) for x, y, name in entries]
    for i, (begin, end, row) in enumerate(boxes):
        assert end <= 640
        assert all(row != its or end < its_begin or its_end < begin for its_begin, its_end, its in boxes[:i])


def test_what_leaves_a_panel_or_an_axis_is_marked():
    assert 'class="cut' not in trace("inside", None, [0.1, 0.9])
    assert trace("above", [0.5, 0.5], [0.1, 3.0]).count('class="cut model"') == 1
    drawn = bars([("a", 2.0), ("b", 35.1)])
    assert ">→ 35.1<" in drawn
    assert ">2<" in drawn


def test_the_judged_program_and_finalists_are_marked_named_and_lead_to_their_code():
    nodes = [Node(i, 1.0, None, "worked", "") for i in range(1, 41)]
    nodes += [Node(41, 0.5, 1, "finalist", "", "#program-b"), Node(42, 0.5, 1, "judged", "best", "#program-a")]
    drawn = str(tree(nodes, "x", "y"))
    assert drawn.count('class="node judged"') == drawn.count('class="node finalist"') == 1
    assert 'href="#program-a"><g class="node judged"><title>best' in drawn
    heights = [float(y) for y in re.findall(r'y="([\d.]+)" text-anchor="middle">(?:41|42 judged)</text></g>', drawn)]
    assert len(heights) == 2
    assert abs(heights[0] - heights[1]) >= 12  # their names would meet on one line


def test_a_matrix_picture_has_red_for_excitation_blue_for_inhibition_and_no_diagonal(tmp_path):
    data = re.search(r"base64,([^\"]+)", matrix([[9.0, 0.5], [-0.5, 9.0]], (), "m")).group(1)
    (tmp_path / "m.png").write_bytes(base64.b64decode(data))
    picture = matplotlib.image.imread(tmp_path / "m.png")  # [2, 2, 4] in [0, 1]
    assert picture[0, 0, 3] == picture[1, 1, 3] == 0
    assert picture[0, 1, 0] > picture[0, 1, 2]
    assert picture[1, 0, 2] > picture[1, 0, 0]


def test_a_matrix_says_what_its_axes_groups_and_colours_are():
    drawn = str(matrix([[0.0, 0.5, 0.1], [-0.5, 0.0, 0.0], [0.0, 0.0, 0.0]], ("AF", "AF", "<MN>"), "Jacobian of net"))
    assert drawn.count(">AF</text>") == drawn.count(">&lt;MN&gt;</text>") == 2  # on both axes
    assert drawn.count('class="border"') == 2
    for word in (">from<", ">to<", ">0.36<", ">-0.36<", ">0<", "blue inhibits, red excites"):
        assert word in drawn
    assert 'aria-label="Jacobian of net: 2 entries above 0.01 and 1 below -0.01' in drawn
    assert runs(("a", "a", "b", "a")) == [("a", 2), ("b", 1), ("a", 1)]
