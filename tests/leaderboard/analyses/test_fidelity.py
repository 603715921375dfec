"""Screening fidelity: each length against the full trainings, on the programs that have both."""

import json
from types import MappingProxyType

import pytest

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.leaderboard.analyses.fidelity import fidelity, in_full_so_far
from zfbench.leaderboard.analyses.table_report import fidelity_text, read_fidelity
from zfbench.protocols.space import Slot, Space
from zfbench.records.evaluation import Evaluation
from zfbench.records.program import Program, Status
from zfbench.runs.table import EVALUATIONS, HEAD, Training
from zfbench.runs.table_judging import JUDGED, in_full


class Toy(Space):
    name = "toy"
    versions = MappingProxyType({"space": 1})
    slots = (Slot("unit", tuple("abcdef"), 1), Slot("form", tuple("ab"), 1), Slot("inputs", ("x", "y"), 0))

    def source(self, codes):
        return f"program = {codes}"


PROGRAMS = Toy().stage(1)


def keep(folder, training, loss):
    """Write the outcome of a training as `zfbench table build` does."""
    evaluation = Evaluation(Status.OK, loss) if loss is not None else Evaluation(Status.TIMEOUT)
    content = {"program": Program(Toy().source(training.codes)).id, "evaluation": evaluation.to_json()}
    path = folder / EVALUATIONS / training.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def folder(tmp_path):
    """Twelve programs whose full loss is their place; 100 updates see its opposite, 200 updates the same."""
    (tmp_path / JUDGED).mkdir()
    (tmp_path / HEAD).write_text(json.dumps({"task": "toy/one"}))
    for place, codes in enumerate(sorted(PROGRAMS)):
        keep(tmp_path, in_full(codes), 1.0 + place)
        keep(tmp_path, Training(codes, 100), -1.0 * place)
        keep(tmp_path, Training(codes, 200), 10.0 + place)
        metrics = {"headline/responses": -2.0 * place, "headline/wiring": 0.5}
        content = {"program": Program(Toy().source(codes)).id, "status": "ok", "metrics": metrics, "notes": []}
        (tmp_path / JUDGED / in_full(codes).file).write_text(json.dumps(content))
    return tmp_path


def test_a_length_that_sees_the_same_order_correlates_and_one_that_sees_the_opposite_does_so_negatively(folder):
    short, long = fidelity(folder, Toy(), [200, 100])["lengths"]
    assert (short["updates"], long["updates"]) == (100, 200)
    assert short["full loss"]["value"] == pytest.approx(-1)
    assert long["full loss"]["value"] == pytest.approx(1)
    assert long["headline/responses"]["value"] == pytest.approx(-1)
    assert long["headline/wiring"] is None  # a constant has no ranks
    assert long["full loss, drawn"] is None  # one program was drawn by chance


def test_it_says_what_a_search_that_believes_a_screening_would_end_with(folder):
    short, long = fidelity(folder, Toy(), [100, 200])["lengths"]
    first, last = ("".join(map(str, codes)) for codes in (min(PROGRAMS), max(PROGRAMS)))
    assert (short["winner"], short["rank of the winner in full"], short["rank of the best in full"]) == (last, 12, 12)
    assert (long["winner"], long["rank of the winner in full"], long["rank of the best in full"]) == (first, 1, 1)


def test_only_programs_that_were_trained_in_full_are_compared_and_a_failed_one_is_left_out(folder):
    gone, failed = sorted(PROGRAMS)[3:5]
    (folder / EVALUATIONS / in_full(gone).file).unlink()
    keep(folder, Training(failed, 100), None)
    assert gone not in in_full_so_far(folder, Toy())
    found = fidelity(folder, Toy(), [100])
    assert found["programs"] == 11
    assert found["lengths"][0]["full loss"]["n"] == 10


def test_a_missing_screening_is_refused_and_a_folder_without_full_trainings_too(folder, tmp_path):
    with pytest.raises(ZfbenchError, match="12 of 12 programs were not screened with 300 updates"):
        fidelity(folder, Toy(), [300])
    with pytest.raises(ZfbenchError, match="was trained in full"):
        fidelity(tmp_path / "elsewhere", Toy(), [100])


def test_a_row_for_each_length(folder):
    found = fidelity(folder, Toy(), [100, 200])
    assert [row["stages"] for row in found["lengths"]] == [{}, {}]  # there is one stage
    text = fidelity_text(found)
    assert "12 programs trained in full, 1 of them in a tenth drawn by chance, 12 judged" in text
    assert "| 100 " in text
    assert "| 200 " in text


def test_several_stages_have_rows_of_their_own(folder):
    for place, codes in enumerate(sorted(Toy().stage(2))):
        for training, loss in ((in_full(codes), 100.0 + place), (Training(codes, 200), 100.0 - place)):
            keep(folder, training, loss)
    (long,) = fidelity(folder, Toy(), [200])["lengths"]
    assert {name: round(own["full loss"]["value"]) for name, own in long["stages"].items()} == {"x": 1, "y": -1}
    assert -1 < long["full loss"]["value"] < 1
    assert long["stages"]["x"]["headline/responses"]["value"] == pytest.approx(-1)
    assert long["stages"]["y"]["headline/responses"] is None  # none of them was judged
    assert "| 200, y " in fidelity_text(fidelity(folder, Toy(), [200]))


def test_the_file_of_a_comparison_is_read_back_and_another_file_is_refused(folder, tmp_path):
    path = tmp_path / "fidelity.json"
    path.write_text(json.dumps(fidelity(folder, Toy(), [100])))
    assert read_fidelity(path)["programs"] == 12
    path.write_text("{}")
    with pytest.raises(DamagedFileError, match="names no lengths"):
        read_fidelity(path)
