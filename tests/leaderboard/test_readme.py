from pathlib import Path

import pytest

from zfbench.base.errors import ZfbenchError
from zfbench.leaderboard.board import boards
from zfbench.leaderboard.readme import BEGIN, END, update
from zfbench.leaderboard.shipped import RESULTS
from zfbench.records.reading import load_folder


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    return path


def test_the_table_replaces_what_is_between_the_marks_and_nothing_else(document, make):
    assert update(document, boards([make()]))
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "0.2500" in text
    assert "old" not in text
    assert not update(document, boards([make()]))


def test_drift_is_found_and_left_alone(document, make):
    before = document.read_text()
    with pytest.raises(ZfbenchError, match="out of date; run `zfbench leaderboard --readme"):
        update(document, boards([make()]), check=True)
    assert document.read_text() == before
    update(document, boards([make()]))
    assert not update(document, boards([make()]), check=True)


def test_a_document_without_marks_is_told_which(document, make):
    document.write_text("nothing")
    with pytest.raises(ZfbenchError, match=r"put the lines .*leaderboard"):
        update(document, boards([make()]))


def test_the_readmes_table_fits_the_committed_results():
    readme = Path(__file__).parents[2] / "README.md"
    if not readme.exists():
        pytest.skip("installed without the README")
    assert not update(readme, boards(load_folder(RESULTS)), check=True)
