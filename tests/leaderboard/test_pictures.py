from pathlib import Path

import pytest
from zfbench.leaderboard.demo import DRIVEN, LIMITS, MASKED, ROWS, SEED, Demo, Row

from zfbench.leaderboard import demo
from zfbench.runs.judge import judge_baseline


class Silent:
    def __init__(self, name=""):
        self.notes = []

    def stage(self, name):
        pass

    def finish(self, note):
        self.notes.append(note)


@pytest.fixture
def quick(tmp_path):
    return Demo(tmp_path)


def test_a_second_run_uses_what_is_there(quick, monkeypatch):
    first = quick.row(Row(DRIVEN, "last_value"), Silent)
    monkeypatch.setattr(demo, "judge_baseline", None)  # calling it would fail
    bar = Silent()
    assert quick.row(Row(DRIVEN, "last_value"), lambda _: bar) == first
    assert bar.notes == ["already measured"]


@pytest.mark.parametrize("change", [{"seed": 1}, {"benchmark_version": 0}, {"limits": {}}, {"libraries": {}}])
def test_a_result_that_does_not_fit_is_measured_again(quick, change):
    row = Row(DRIVEN, "last_value")
    first = quick.row(row, Silent)
    first.model_copy(update=change).write(quick.folder / row.file)
    bar = Silent()
    again = quick.row(row, lambda _: bar)
    assert bar.notes == ["done"]
    assert again.comparable() == first.comparable()


def test_a_damaged_result_is_measured_again(quick):
    row = Row(DRIVEN, "last_value")
    first = quick.row(row, Silent)
    (quick.folder / row.file).write_text("{")
    assert quick.row(row, Silent).comparable() == first.comparable()


def test_rows_are_different_and_cover_every_track():
    assert len(set(ROWS)) == len(ROWS)
    assert len({row.task for row in ROWS}) == 3
    assert len({row.file for row in ROWS}) == len(ROWS)


def test_three_pictures_are_drawn_from_results_alone(quick, driven, driven_judge):
    results = [judge_baseline(name, loaded_driven, SEED, LIMITS) for name in ("oracle", "linear")]
    renamed = results[1].model_copy(update={"method": results[1].method.model_copy(update={"name": "driven_mlp"})})
    paths = quick.draw([results[0], renamed])
    assert [p.name for p in paths] == ["traces.png", "connectivity.png", "id_vs_ood.png"]
    for path in paths:
        assert Path(path).read_bytes().startswith(b"\x89PNG")
        assert Path(path).stat().st_size > 20_000


@pytest.mark.slow
def test_the_demo_shows_the_effect_that_the_benchmark_exists_for(quick):
    names = ("driven_mlp", "masked_mlp", "masked_leaky_sigmoid", "no_effect")
    m = {n: quick.row(Row(MASKED if "masked" in n else DRIVEN, n), Silent).metrics for n in names}
    assert m["driven_mlp"]["forecast/id/mae"] < 0.2 * m["no_effect"]["forecast/id/mae"]
    for masked in ("masked_mlp", "masked_leaky_sigmoid"):
        assert m[masked]["forecast/ood/skill_last_value"] > m["driven_mlp"]["forecast/ood/skill_last_value"]
        for score in ("connectivity/wiring/sign_accuracy", "connectivity/wiring/in_mask/lift"):
            assert m[masked][score] > m["driven_mlp"][score]
        assert m[masked]["dynamics/impulse/error"] < m["driven_mlp"]["dynamics/impulse/error"]
