import json
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.discoverers.proposers.slots.channels import FAMILIES, FORMS, GRAMMAR
from zfbench.records.limits import Limits
from zfbench.sandbox.choose import open_sandbox
from zfbench.simulators.simulate import simulate_program
from zfbench.tasks.hodgkin_huxley import task as hh
from zfbench.tasks.hodgkin_huxley.programs import SEED_PROGRAM, TRUTH

LENGTH = 7_251


@pytest.fixture(scope="module")
def sandbox():
    with open_sandbox() as box:
        yield box


@pytest.fixture(scope="module")
def task():
    return hh.HODGKIN_HUXLEY.load("hodgkin_huxley")


def trace(spikes):
    """Rest at -70 with a ripple of 1 mV, -50 in the step, and so many spikes in it."""
    time = hh.SAMPLE * np.arange(LENGTH)
    V = np.where((time >= 100) & (time < 1_100), -50.0, -70.0 + np.where(np.arange(LENGTH) % 2, 1.0, -1.0))
    V[1_000 : 1_000 + 10 * spikes : 10] = 30.0
    return V


def test_statistics_of_a_known_trace():
    voltages = np.stack([trace(0), trace(12)])[:, :, None]
    x = hh.statistics(voltages, np.zeros((2, 2)), np.random.default_rng(0))
    assert x.shape == (2, len(hh.STATISTICS))
    assert abs(x[0, 0]) < 4 * hh.COUNT_NOISE
    assert abs(x[1, 0] - 12) < 4 * hh.COUNT_NOISE
    np.testing.assert_allclose(x[:, 1], -70.0)
    np.testing.assert_allclose(x[:, 2], 0.0, atol=1e-9)
    share = 12 / 5_000
    assert x[1, 3] == pytest.approx(-50 + 80 * share)
    assert x[1, 4] == pytest.approx(np.log(80**2 * share * (1 - share)))
    assert x[1, 5] == pytest.approx((1 - 2 * share) / np.sqrt(share * (1 - share)))
    assert x[0, 6] == 0.0  # a flat line has no kurtosis: the floor


def test_both_stand_ins_are_loaded_and_only_one_has_the_current():
    names = hh.HODGKIN_HUXLEY.names()
    assert set(names) == {"hodgkin_huxley", "hodgkin_huxley-without", "hodgkin_huxley-tiny"}
    for name in names:
        judge = hh.HODGKIN_HUXLEY.judge(name)
        problem = judge.sealed.problem
        assert len(problem.selection) == len(problem.held_out) == 10
        assert judge.controls["oracle"] == (SEED_PROGRAM if "without" in name else TRUTH)
    counts = {name: hh.HODGKIN_HUXLEY.load(name).observed.statistics[:, 0].mean() for name in names}
    assert counts["hodgkin_huxley-without"] > counts["hodgkin_huxley"] + 10  # the M-current slows firing


def test_priors_are_those_of_the_paper(task):
    """Wahl et al. 2026, the table of the Hodgkin-Huxley task's parameters, free ones included."""
    assert {p.name: (p.low, p.high) for p in task.spec.parameters} == {
        "gNa": (0.5, 80.0),
        "gK": (1e-4, 15.0),
        "gleak": (1e-4, 0.6),
        "Eleak": (35.0, 100.0),
        "Vt": (40.0, 90.0),
        "noise": (1e-4, 0.15),
        "gX1": (1e-4, 10.0),
        "gX2": (1e-4, 120.0),
        "p_i": (1e-4, 150.0),
        "p_j": (1e-4, 3_000.0),
    }


def test_contexts_are_like_those_observed(task):
    drawn = task.contexts(np.random.default_rng(0), 500)
    assert drawn.shape == (500, 2)
    assert np.abs(drawn.mean(axis=0) - task.observed.contexts.mean(axis=0)).max() < 0.5


def test_simulated_neurons_fire_in_the_step_and_rest_before_it(task, sandbox):
    """The first 150 ms at the stand-in's parameters; exact values are those of no other program."""
    spec = replace(task.spec, steps=3_000)
    theta = np.tile([50, 5, 0.1, 70, 60, 1e-4, 5, 17.5, 50, 1_000], (3, 1))
    contexts = np.array([[0.0, -70.0], [5.0, -70.0], [5.0, -60.0]])
    path = simulate_program(TRUTH, spec, theta, contexts, Limits(seconds=120), 0, sandbox)[:, :, 0]
    assert path.shape == (3, 751)
    assert path[0].max() < -60  # no current, no spike
    assert path[1, 500:].max() > 0
    assert path[1, :500].max() < -60
    assert path[1, 0] == -70
    assert path[2, 0] == -60


@pytest.mark.parametrize("name", ["hodgkin_huxley", "hodgkin_huxley-without"])
def test_cells_that_judge_lie_among_the_contexts_that_are_simulated(name):
    """A likelihood that is learned under other contexts only extrapolates to them."""
    made = hh.PROBLEMS[name]()
    drawn = made.contexts(np.random.default_rng(0), 1_000)
    for context in made.held_out.contexts:
        assert (np.abs(drawn - context) < (0.5, 2.0)).all(axis=1).sum() >= 10


def test_cells_of_one_current_are_simulated_near_it():
    drawn = hh.like_observed(np.array([[3.0, -70.0]] * 4), np.random.default_rng(0), 1_000)
    assert drawn.mean(axis=0) == pytest.approx([3.0, -70.0], abs=0.2)
    assert drawn.std(axis=0) == pytest.approx(hh.TOLERANCE, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_finite_all_over_the_prior(task, sandbox, family):
    rng = np.random.default_rng(0)
    spec = replace(task.spec, steps=4_000)
    for form in FORMS:
        source = GRAMMAR.render((family, "4", form, family, "1", form))
        theta, contexts = spec.draw_parameters(rng, 250), task.contexts(rng, 250)
        assert np.isfinite(simulate_program(source, spec, theta, contexts, Limits(seconds=300), 0, sandbox)).all()


@pytest.mark.slow
def test_the_shipped_stand_ins_are_what_their_script_makes(sandbox):
    from zfbench.tasks.hodgkin_huxley.standin import make

    shipped = json.loads((files("zfbench.tasks.hodgkin_huxley") / "standin.json").read_text())
    made = make(sandbox)
    for name, parts in shipped.items():
        for use, part in parts.items():
            np.testing.assert_allclose(made[name][use]["contexts"], part["contexts"])
            np.testing.assert_allclose(made[name][use]["statistics"], part["statistics"], rtol=0.2, atol=2.0)


def folder(path, rows, traces):
    (path / hh.INDEX).write_text("file,current,use\n" + "".join(f"{f},{c},{u}\n" for f, c, u in rows))
    for name, values in traces.items():
        (path / name).write_text("\n".join(f"{v:.2f}" for v in values))


def test_own_recordings_become_a_task(tmp_path, monkeypatch):
    rows = [("a.txt", "3.0", "selection"), ("b.txt", "4.0", "held_out")]
    folder(tmp_path, rows, {"a.txt": trace(5), "b.txt": trace(9)})
    monkeypatch.setenv(hh.FOLDER, str(tmp_path))
    family = hh.SimulatorFamily(hh.PROBLEMS, hh._own_recordings)
    task, sealed = family.load("hodgkin_huxley@recordings"), family.seal("hodgkin_huxley@recordings")
    assert task.observed.contexts.tolist() == [[3.0, -71.0]]
    assert abs(task.observed.statistics[0, 0] - 5) < 2
    assert abs(sealed.problem.held_out.statistics[0, 0] - 9) < 2
    assert "oracle" not in family.judge("hodgkin_huxley@recordings").controls


@pytest.mark.parametrize(
    ("rows", "traces", "said"),
    [
        ([("a.txt", "3", "selection")], {"a.txt": trace(1)}, "no recording with use 'held_out'"),
        ([("a.txt", "3", "train")], {}, "write selection or held_out"),
        ([("a.txt", "much", "selection"), ("b.txt", "3", "held_out")], {"a.txt": trace(1)}, "'much' where a number"),
        ([("a.txt", "3", "selection"), ("b.txt", "3", "held_out")], {"a.txt": [1.0]}, "1 voltages, not 7251"),
        ([("b.txt", "3", "selection"), ("c.txt", "3", "held_out")], {}, "Cannot read the recording"),
        ([("a.txt", "3", "selection"), ("./a.txt", "3", "held_out")], {"a.txt": trace(1)}, "a.txt in 2 rows"),
        ([("a.txt", "3", "selection,x"), ("b.txt", "3", "held_out")], {}, "Row 2 .* has not 3 fields"),
        ([("a.txt", "3", "selection"), ("b.txt", "3,4", "held_out")], {}, "Row 3 .* has not 3 fields"),
    ],
)
def test_bad_recordings_are_told_in_one_sentence(tmp_path, rows, traces, said):
    folder(tmp_path, rows, traces)
    with pytest.raises(ZfbenchError, match=said):
        hh.read_recordings(tmp_path)


def test_files_that_a_spreadsheet_wrote_are_read(tmp_path):
    """They begin with a byte order mark and end lines in two characters."""
    rows = [("a.txt", "3.0", "selection"), ("b.txt", "4.0", "held_out")]
    folder(tmp_path, rows, {"a.txt": trace(5), "b.txt": trace(9)})
    plain = hh.read_recordings(tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_text().replace("\n", "\r\n").encode("utf-8-sig"))
    for use, same in zip(hh.read_recordings(tmp_path), plain, strict=True):
        np.testing.assert_array_equal(use.contexts, same.contexts)
        np.testing.assert_array_equal(use.statistics, same.statistics)


def test_a_folder_without_an_index_or_with_another_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ZfbenchError, match=hh.FOLDER):
        hh.read_recordings(tmp_path)
    (tmp_path / hh.INDEX).write_text("name,amp\n")
    with pytest.raises(ZfbenchError, match="first line"):
        hh.read_recordings(tmp_path)
    monkeypatch.delenv(hh.FOLDER, raising=False)
    with pytest.raises(ZfbenchError, match="set this environment variable"):
        hh.HODGKIN_HUXLEY.load("hodgkin_huxley@recordings")
    with pytest.raises(UnknownNameError):
        hh.HODGKIN_HUXLEY.load("hodgkin_huxley@elsewhere")
