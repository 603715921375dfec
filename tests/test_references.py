"""Every DOI and arXiv id in code and docs is in the bibliography, and the page of references has all of its entries."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIB = (ROOT / "docs/references.bib").read_text(encoding="utf-8")
PAGE = (ROOT / "docs/references.md").read_text(encoding="utf-8")
PACKAGES = ("zfbench/testbed", "zfbench/scoring", "zfbench/simulators", "zfbench/tasks", "baselines", "discoverers")

DOI = re.compile(r"doi:\s*(10\.\d{4,}/[^\s`\"]+)", re.IGNORECASE)
ARXIV = re.compile(r"arXiv\s+(\d{4}\.\d{5})")


def listed():
    """DOIs and arXiv ids of the bibliography."""
    return set(re.findall(r"doi\s*=\s*\{(.*?)\}", BIB)) | set(re.findall(r"eprint\s*=\s*\{(.*?)\}", BIB))


def cited(text):
    """DOIs and arXiv ids in a text, without the punctuation that follows them."""
    joined = re.sub(r"\s+", " ", text)
    dois = {doi.rstrip(".,;:") for doi in DOI.findall(joined)}
    balanced = {doi if doi.count("(") == doi.count(")") else doi.rstrip(")").rstrip(".,;:") for doi in dois}
    return balanced | set(ARXIV.findall(joined))


def test_a_doi_is_read_without_the_punctuation_around_it():
    assert cited("(Ferro 2014, doi:10.1002/qj.2270). Next") == {"10.1002/qj.2270"}
    assert cited("(Koop 1996,\n    doi:10.1016/0304-4076(95)01753-4), here") == {"10.1016/0304-4076(95)01753-4"}
    assert cited("Wahl (arXiv 2602.18266, Eq. D-36)") == {"2602.18266"}


@pytest.mark.parametrize("package", PACKAGES)
def test_what_the_code_cites_is_in_the_bibliography(package):
    for path in sorted({*(ROOT / package).rglob("*.py")} - {*(ROOT / "leaderboard" / "submissions").rglob("*.py")}):
        assert cited(path.read_text(encoding="utf-8")) <= listed(), path


def test_every_entry_of_the_bibliography_is_on_the_page_of_references():
    assert len(listed()) > 30
    assert all(f"{'arXiv' if re.fullmatch(r'[0-9.]+', name) else 'doi'}:{name}]" in PAGE for name in listed())


def test_the_page_of_references_names_files_that_exist():
    paths = re.findall(r"\(`(.*?)`\)", PAGE)
    assert len(paths) == BIB.count("\n@") + 1
    assert all((ROOT / path).is_file() for path in paths)
