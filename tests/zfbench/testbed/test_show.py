"""The picture of a recording is a PNG that shows the bouts that were swum."""

import struct
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from zfbench.testbed.assembly import DRIVE
from zfbench.testbed.drive import expand
from zfbench.testbed.larva import simulate
from zfbench.testbed.published import load
from zfbench.testbed.show import _bouts, draw_recording, outline


@pytest.fixture(scope="module")
def recording():
    return simulate(load("published"), "left", 4000, seed=1)


def size_of(png):
    """Width and height from the header of a PNG."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", png[16:24])


def test_the_picture_is_a_png_of_sane_size_and_always_the_same(recording, tmp_path):
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    draw_recording(recording, first)
    draw_recording(recording, second)
    width, height = size_of(first.read_bytes())
    assert 1200 < width < 2400
    assert 800 < height < 1600
    assert 50_000 < first.stat().st_size < 2_000_000
    assert first.read_bytes() == second.read_bytes()


def test_a_recording_without_a_bout_can_be_drawn(tmp_path):
    short = simulate(load("published"), "outward", 20, seed=0)
    assert len(short.drive.bout_step) == 0
    draw_recording(short, tmp_path / "short.png")
    assert size_of((tmp_path / "short.png").read_bytes())


def test_a_recording_of_another_circuit_is_refused(recording, tmp_path):
    with pytest.raises(ValueError, match="53 neurons"):
        draw_recording(replace(recording, activity=recording.activity[:, 1:]), tmp_path / "never.png")


def test_cell_types_are_those_of_the_circuit_given(recording, tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: figures.append(self))
    circuit = load("published")
    renamed = replace(circuit, groups=tuple(f"type {group}" for group in circuit.groups))
    draw_recording(recording, tmp_path / "unused.png", renamed)
    labels = [label.get_text() for label in figures[0].subfigs[1].axes[-1].get_yticklabels()]
    assert labels[:2] == ["type AF left", "type AF right"]
    assert "type BG" in labels


def test_the_stretch_shown_is_as_long_as_asked(recording, tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: figures.append(self))
    draw_recording(recording, tmp_path / "unused.png", seconds=1.5)
    draw_recording(recording, tmp_path / "unused.png")
    for figure, seconds in zip(figures, (1.5, 4.0), strict=True):
        assert figure.subfigs[1].axes[-1].get_xlim() == pytest.approx((0, seconds), abs=0.002)


def test_every_neuron_has_a_trace_and_every_axis_a_unit(recording, tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: figures.append(self))
    draw_recording(recording, tmp_path / "unused.png")
    path, _ = figures[0].subfigs[0].axes
    _, speed, _, tail, heading, activity = figures[0].subfigs[1].axes
    assert len(activity.lines) == len(load("published").neurons)
    assert (path.get_xlabel(), path.get_ylabel()) == ("x (mm)", "y (mm)")
    assert "mm/s" in speed.get_ylabel()
    assert all("deg" in axes.get_ylabel() for axes in (tail, heading))
    assert activity.get_xlabel() == "time (s)"


def test_bouts_end_where_the_tail_stops_beating(recording):
    beating = expand(recording.drive, 4000)[:, DRIVE.index("bout")] > 0
    bouts = _bouts(recording)
    assert len(bouts) >= 3
    shown = np.zeros(4000, dtype=bool)
    for bout, direction in zip(bouts, recording.drive.bout_direction, strict=True):
        shown[bout.start : bout.end] = True
        assert bout.direction == direction
        assert bout.start < bout.end <= bout.settled
    first = bouts[0].start
    np.testing.assert_array_equal(shown[first:-1], beating[first:-1])


def test_the_outline_is_that_of_a_larva_of_four_millimetres():
    straight = outline(np.array([1.0, 2.0, np.pi / 2]), np.zeros(6))
    length, width = np.ptp(straight[:, 1]), np.ptp(straight[:, 0])
    assert length == pytest.approx(0.65 + 0.46 * 1.30 + 6 * 0.45)
    assert width == pytest.approx(0.62)
    bent = outline(np.zeros(3), np.full(6, -0.2))
    assert bent[:, 1].max() > 1.0  # negative angles bend the tail to the left


def test_turns_are_drawn_for_complete_bouts_with_left_on_the_left(recording, tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: figures.append(self))
    draw_recording(recording, tmp_path / "unused.png")
    axes = figures[0].subfigs[0].axes[1]
    points = axes.collections[0].get_offsets()
    steps, directions = recording.drive.bout_step, recording.drive.bout_direction
    turned = np.degrees(np.diff(recording.pose[steps, 2]))
    np.testing.assert_allclose(points, np.stack((turned, directions[:-1]), axis=1))
    assert axes.xaxis_inverted()
