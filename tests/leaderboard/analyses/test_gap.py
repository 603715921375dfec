import json

import numpy as np
import pytest
from typer.testing import CliRunner

from zfbench.base.errors import DamagedFileError, UnknownNameError, ZfbenchError
from zfbench.baselines import programs
from zfbench.baselines.reference import source_of
from zfbench.cli.app import app
from zfbench.leaderboard.analyses import gap as module
from zfbench.leaderboard.analyses.gap import Gap, as_markdown, as_rows, measure, published, to_json
from zfbench.records.limits import Limits
from zfbench.sandbox.process import ProcessSandbox
from zfbench.tasks.zfish.gap import held_out
from zfbench.testbed.data import load_dataset


def test_later_windows_of_the_held_out_condition_share_nothing_with_its_training_stretch(driven, data_cache):
    (extra,), later = held_out("zfish-tiny/driven")
    assert extra.condition == "outward"
    assert {r.condition for r in driven.train}.isdisjoint(later.inputs.conditions)
    assert set(later.inputs.conditions) == {"outward"}
    assert [len(extra.activity)] * 3 == [len(r.activity) for r in driven.train]
    dataset = load_dataset("tiny")
    begin = dataset.arrays["outward/80000/activity"]
    np.testing.assert_array_equal(later.inputs.context[0], begin[1_000 - 256 : 1_000])  # targets from 81 s on
    assert len(later.target) == 2 * ((256 + 9_000) // 512)  # a window has 256 steps of context and 256 of targets
    assert extra.drive.shape[1] == driven.train[0].drive.shape[1] == later.inputs.drive.shape[2]


def test_without_a_held_out_condition_there_is_no_gap():
    with pytest.raises(ZfbenchError, match="'sir' holds out no condition"):
        held_out("sir")


def test_both_trainings_have_one_seed_and_differ_in_the_recordings_alone(driven, monkeypatch):
    seen = []

    class Fitted:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def forecast(self, context, drive):
            error = 0.4 if len(seen) % 2 else 0.1
            return held_out(driven.spec.name)[1].target + error

    def fit(source, spec, train, limits, seed, sandbox):
        seen.append((source, tuple(r.condition for r in train), limits.updates, seed))
        return Fitted()

    monkeypatch.setattr(module, "fit_program", fit)
    found = measure("zfish-tiny/driven", {"a": "source"}, (0, 7), Limits(updates=3), sandbox=None)
    trained = ("inward", "left", "right")
    assert seen == [("source", own, 3, seed) for seed in (0, 7) for own in (trained, (*trained, "outward"))]
    assert [gap.ratio for gap in found] == pytest.approx([4.0, 4.0], rel=1e-5)


def test_a_row_has_the_geometric_mean_of_the_ratios():
    rows = as_rows([Gap("a", 0, 0.4, 0.1), Gap("a", 1, 0.1, 0.1), Gap("b", 0, 0.2, 0.1)])
    assert rows == [
        ["a", "0 1", "0.4000 0.1000", "0.1000 0.1000", "2.00 (1.00 to 4.00)"],
        ["b", "0", "0.2000", "0.1000", "2.00 (2.00 to 2.00)"],
    ]


def test_a_program_is_measured(masked):
    (found,) = measure(
        "zfish-tiny/masked",
        {"masked_leaky_sigmoid": programs.source("masked_leaky_sigmoid")},
        (0,),
        Limits(updates=20, seconds=120),
        ProcessSandbox(),
    )
    assert found.unseen != found.seen
    assert found.seen > 0


def test_the_command_refuses_what_is_no_reference_program():
    done = CliRunner().invoke(app, ["gap", "zfish-tiny/masked", "masked_mlpp"])
    assert "did you mean 'masked_mlp'" in str(done.exception)


class MeasuredError(Exception):
    """Raised in place of a measurement, with what was to be measured."""


def test_options_of_the_command_reach_the_measurement(monkeypatch):
    def measured(task, sources, seeds, limits, sandbox, progress):
        raise MeasuredError(task, sources, seeds, limits, sandbox.name)

    monkeypatch.setattr(module, "measure", measured)
    options = "--seed 3 --seed 5 --updates 7 --seconds 9 --sandbox process"
    done = CliRunner().invoke(app, ["gap", "zfish-tiny/driven", "masked_mlp", *options.split()])
    assert isinstance(done.exception, MeasuredError), done.output
    sources = {"masked_mlp": programs.source("masked_mlp")}
    assert done.exception.args == (
        "zfish-tiny/driven",
        sources,
        [3, 5],
        Limits(updates=7, seconds=9.0),
        "process",
    )


def test_a_measurement_is_written_with_what_it_rests_on_and_read_back_as_a_table(driven, data_cache, tmp_path):
    gaps = [Gap("a", 0, 0.4, 0.1), Gap("a", 3, 0.1, 0.1)]
    content = to_json("zfish-tiny/driven", gaps, Limits(updates=50))
    assert content["command"] == "zfbench gap zfish-tiny/driven a --seed 0 --seed 3 --updates 50"
    assert to_json("zfish-tiny/driven", gaps, Limits(seconds=60))["command"].endswith("--seed 3 --seconds 60")
    assert content["data_sha256"] == driven.data_sha256
    (tmp_path / "one.json").write_text(json.dumps(content))
    (read,) = published(tmp_path)
    assert read["gaps"] == gaps
    text = as_markdown([read])
    assert "## zfish-tiny/driven" in text
    cells = [cell.strip() for cell in text.splitlines()[-1].strip("|").split("|")]
    assert cells == ["a", "0 3", "0.4000 0.1000", "0.1000 0.1000", "2.00 (1.00 to 4.00)"]
    assert as_markdown([]) == "Nothing was measured yet."


def test_a_file_that_holds_no_ratios_is_refused(tmp_path):
    (tmp_path / "one.json").write_text('{"gaps": [{"program": "a"}]}')
    with pytest.raises(DamagedFileError, match=r"one\.json holds no gap ratios"):
        published(tmp_path)


def test_a_program_is_found_by_its_name_in_tables():
    assert source_of("neuron_mlp_leak") == source_of("masked_mlp") == programs.source("masked_mlp")
    with pytest.raises(UnknownNameError, match="did you mean 'driven_mlp_bounded'"):
        source_of("driven_mlp_mirrored")  # it is trained on other recordings
