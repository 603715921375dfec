"""The three pictures of the demo, drawn from results alone."""

import matplotlib.image
import pytest

from zfbench.leaderboard.pictures import draw_demo
from zfbench.records.limits import Limits
from zfbench.runs.judge import judge_baseline


@pytest.fixture(scope="module")
def results(loaded_driven):
    truth, linear = (judge_baseline(name, loaded_driven, 0, Limits(updates=1)) for name in ("oracle", "linear"))
    as_program = linear.method.model_copy(update={"name": "driven_mlp", "kind": "program"})
    return [truth, linear.model_copy(update={"method": as_program})]


def test_three_pictures_are_drawn_from_results_alone(results, driven, tmp_path):
    paths = draw_demo(results, driven.spec.neurons, tmp_path)
    assert [p.name for p in paths] == ["traces.png", "connectivity.png", "id_vs_ood.png"]
    for path in paths:
        picture = matplotlib.image.imread(path)  # [H, W, 4]
        assert picture[..., :3].std() > 0.01  # something is drawn


def test_a_method_without_pictures_of_its_own_is_left_out_and_the_others_stay(results, driven, tmp_path):
    truth, shown = results
    silent = shown.with_pictures({})
    paths = draw_demo([truth, silent], driven.spec.neurons, tmp_path)
    widths = [
        matplotlib.image.imread(path).shape[1]
        for path in (paths[1], draw_demo(results, driven.spec.neurons, tmp_path / "both")[1])
    ]
    assert widths[0] < widths[1]  # a panel for each connectivity that is known


def test_a_failed_result_stops_no_picture(results, driven, tmp_path, make):
    failed = make("masked_mlp", kind="program", track="masked", status="timeout")
    assert len(draw_demo([*results, failed], driven.spec.neurons, tmp_path)) == 3
