"""Plots for notebooks are figures that show what they were given, and refuse in a sentence what they cannot show."""

import numpy as np
import pandas as pd
import pytest

import zfbench
from zfbench.base.errors import ZfbenchError
from zfbench.records.recordings import TaskSpec
from zfbench.records.result import Evaluated
from zfbench.records.spend import Spend

SPEC = TaskSpec("toy", "", "", 1.0, 4, 4, ("a0", "a1", "b"), ("A", "A", "B"), ())
OOD, IMPULSE = "forecast/ood/skill_last_value", "dynamics/impulse/error"


def is_shown_by_a_notebook(figure):
    return figure._repr_png_().startswith(b"\x89PNG")


def test_activity_has_a_row_for_each_neuron_and_a_name_for_each_group():
    columns = pd.MultiIndex.from_tuples(
        [("neuron", "A", "a0"), ("neuron", "A", "a1"), ("neuron", "B", "b"), ("drive", "x", "x")],
        names=["kind", "group", "name"],
    )
    table = pd.DataFrame(np.arange(20.0).reshape(5, 4), columns=columns)
    figure = zfbench.plot.activity(table, "a title")
    axes = figure.axes[0]
    assert axes.images[0].get_array().shape == (3, 5)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["A", "B"]
    assert list(axes.get_yticks()) == [0.5, 2.0]
    assert axes.get_title() == "a title"
    assert is_shown_by_a_notebook(figure)


def test_scores_are_means_over_seeds_and_errors_what_is_missing_to_one(make):
    results = [make("m", kind="program", seed=s, metrics={OOD: 0.2 + 0.2 * s, IMPULSE: 0.25}) for s in (0, 1)]
    axes = zfbench.plot.scores(results).axes[0]
    means = [line for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert [float(line.get_xdata()[0]) for line in means] == pytest.approx([0.3, 0.75])
    assert "held-out stimulus" in [label.get_text() for label in axes.get_yticklabels()]


def test_results_without_such_scores_are_refused(make):
    with pytest.raises(ZfbenchError, match="None of these results has any score"):
        zfbench.plot.scores([make(metrics={"likelihood/log_marginal": -3.0})])


def test_forecasts_have_a_panel_for_each_neuron_and_the_truth_in_black(make):
    picture = {"forecast/ood/example/a0": np.zeros(8), "forecast/ood/example/b": np.ones(8)}
    results = [make("oracle", kind="control").with_pictures(picture), make("m").with_pictures(picture)]
    figure = zfbench.plot.forecasts(results, ["a0", "b"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a0", "b"]
    assert figure.axes[0].lines[0].get_color() == "black"
    with pytest.raises(ZfbenchError, match="No result keeps a forecast of 'c'; there are a0, b"):
        zfbench.plot.forecasts(results, ["c"])


def test_wiring_leaves_the_diagonal_out_and_takes_signed_roots():
    J = np.array([[0.9, 0.25, 0.0], [-0.04, 0.9, 0.0], [0.0, 0.0, 0.9]])
    axes = zfbench.plot.wiring(J, SPEC).axes[0]
    assert np.allclose(axes.images[0].get_array(), [[0, 0.5, 0], [-0.2, 0, 0], [0, 0, 0]])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["A", "B"]
    assert J[0, 0] == 0.9


def test_a_search_shows_its_losses_the_best_so_far_and_what_failed(make, search_method):
    losses = [0.5, None, 0.3, 0.4]
    evaluated = tuple(
        Evaluated(program=f"{i:012d}", operator="mutate", status="ok" if x else "error", loss=x, spend=Spend())
        for i, x in enumerate(losses)
    )
    axes = zfbench.plot.search(make(evaluated=evaluated, **search_method())).axes[0]
    by_label = {line.get_label(): line.get_ydata() for line in axes.lines}
    assert list(by_label["best so far"]) == [0.5, 0.5, 0.3, 0.3]
    assert list(by_label["failed"]) == [0.5]
    assert np.array_equal(by_label["program"], [0.5, np.nan, 0.3, 0.4], equal_nan=True)


def test_a_result_without_programs_is_refused(make):
    with pytest.raises(ZfbenchError, match="mean recorded no evaluated programs"):
        zfbench.plot.search(make())


def test_recordings_are_tables_with_labels(driven):
    tables = zfbench.load_recordings("zfish-tiny/driven")
    assert tables.keys() == {recording.condition for recording in driven.train}
    for recording in driven.train:
        table = tables[recording.condition]
        assert np.array_equal(table["neuron"].to_numpy(), recording.activity)
        assert np.array_equal(table["drive"].to_numpy(), recording.drive)
        assert table["neuron"].columns.get_level_values("name").tolist() == list(driven.spec.neurons)
        assert table.index[1] == driven.spec.dt_ms


def test_a_task_without_recordings_is_refused():
    with pytest.raises(ZfbenchError, match="mixtures/exact@target:0 has no recordings; choose one of the family zfish"):
        zfbench.load_recordings("mixtures/exact@target:0")


def test_what_a_notebook_prints_is_one_line(make, driven):
    from zfbench.records.scores import Scores

    result = make("m", metrics={OOD: 0.456, "forecast/id/mae": 0.1}, notes=("a <note>",))
    assert repr(result) == f"<Result: m on zfish-tiny/driven, seed 0, ok: {OOD} 0.46>"
    assert str(result) == repr(result)
    page = result._repr_html_()
    assert "a &lt;note&gt;" in page
    assert "<td>forecast/id/mae</td><td>0.1000</td>" in page
    assert repr(driven) == (
        "<ZfishTask: zfish-tiny/driven, 54 neurons, 16 drive channels, steps to train on: "
        f"{', '.join(f'{r.condition} {len(r.activity)}' for r in driven.train)}>"
    )
    assert repr(driven.train[0]) == f"<Recording: {driven.train[0].condition}, activity (12000, 54), drive (12000, 16)>"
    assert repr(Scores({"x": 1.0}, {"c": [1.0]})) == "<Scores: 1 metrics, 1 curves, 0 notes>"
