"""The drawings of the page: axes, curves and pictures."""

import base64
import re

import matplotlib.image
import pytest

from zfbench.leaderboard.site.svg import Line, Point, Scale, bars, lines, matrix, scatter


def test_scales_map_ends_to_ends_and_keep_what_lies_outside_at_the_edge():
    scale = Scale(0.01, 1, 0, 100, log=True)
    assert [scale(v) for v in (0.01, 0.1, 1, 0, 5)] == pytest.approx([0, 50, 100, 0, 100])
    assert Scale(0, 10, 0, 1).ticks() == [0, 2, 4, 6, 8, 10]
    assert Scale(0.01, 1, 0, 1, log=True).ticks() == pytest.approx([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1])


def test_empty_plots_are_empty():
    assert scatter([], "x", "y") == ""
    assert lines([], "x", "y") == ""


def test_plots_of_one_value_or_of_nothing_but_zeros_can_be_drawn():
    assert "nan" not in lines([Line("flat", "model", [1], [0.0])], "x", "y")
    assert "nan" not in bars([("MN", 0.0)])
    assert "nan" not in scatter([Point("a", "s", "control", 0.3, 0.3, "l")], "x", "y")


def test_negative_losses_are_drawn_apart_and_in_order():
    drawn = str(lines([Line("nats", "model", [1, 2, 3], [-10.0, -40.0, -20.0])], "x", "y", legend=False))
    course = re.search(r'class="curve model" points="([^"]+)"', drawn).group(1).split()
    first, lowest, last = (float(point.split(",")[1]) for point in course)
    assert first < last < lowest


def test_a_matrix_picture_has_red_for_excitation_blue_for_inhibition_and_no_diagonal(tmp_path):
    data = re.search(r"base64,([^\"]+)", matrix([[9.0, 0.5], [-0.5, 9.0]])).group(1)
    (tmp_path / "m.png").write_bytes(base64.b64decode(data))
    picture = matplotlib.image.imread(tmp_path / "m.png")  # [2, 2, 4] in [0, 1]
    assert picture[0, 0, 3] == picture[1, 1, 3] == 0
    assert picture[0, 1, 0] > picture[0, 1, 2]
    assert picture[1, 0, 2] > picture[1, 0, 0]
