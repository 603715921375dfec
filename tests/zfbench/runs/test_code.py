"""The hash of a class that no package registers changes with the class, wherever it was written."""

import importlib
import linecache
import sys

import pytest

from zfbench.discoverers.best_of_n import BestOfN
from zfbench.protocols.proposer import Proposer
from zfbench.runs.code import code_of, source_hash

BASE = """
from zfbench.discoverers.best_of_n import BestOfN

class Base(BestOfN):
    step = 1

"""
OWN = """
class Own(Base):
    def ask(self):
        return super().ask()

number = 1
"""


@pytest.fixture
def of_file(tmp_path, monkeypatch):
    """The hash of the class `Own` of a script with a text."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def read(text):
        (tmp_path / "a_script.py").write_text(text)
        sys.modules.pop("a_script", None)
        importlib.invalidate_caches()
        return source_hash(importlib.import_module("a_script").Own)

    yield read
    sys.modules.pop("a_script", None)


def of_cell(number, text):
    """The class `Own` of a cell of a notebook, whose text is kept in `linecache` and in no file."""
    name = f"<cell {number}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    names = {"__name__": "a_notebook_without_a_file"}
    exec(compile(text, name, "exec"), names)
    return names["Own"]


def test_a_file_may_change_around_its_classes_and_not_within_them(of_file):
    text = BASE + OWN
    first = of_file(text)
    assert first is not None
    assert of_file(text.replace("number = 1", "number = 2")) == first
    assert of_file(text.replace("super().ask()", "None")) != first
    assert of_file(text.replace("step = 1", "step = 2")) != first  # of its base
    assert of_file(text.replace("        return", "\n        # a comment\n        return")) == first
    assert of_file(text.replace("(BestOfN)", "(BestOfN, dict)")) != first


def test_a_base_in_a_file_beside_it_is_a_part_of_the_class_and_one_of_an_installed_package_is_not(
    tmp_path, monkeypatch, of_file
):
    installed = tmp_path / "site-packages"
    installed.mkdir()
    monkeypatch.syspath_prepend(installed)
    for place, counts in ((tmp_path, True), (installed, False)):
        library = place / f"a_library_{counts}.py"
        text = f"from {library.stem} import Base\n" + OWN
        library.write_text(BASE)
        importlib.invalidate_caches()
        first = of_file(text)
        assert first is not None
        library.write_text(BASE.replace("step = 1", "step = 22"))
        sys.modules.pop(library.stem)
        assert (of_file(text) != first) == counts
        sys.modules.pop(library.stem)


def test_sources_that_do_not_stand_alone_have_a_hash_too():
    class Nested:
        text = """
at the margin
"""

        # at the margin as well
        step = 1

    made = source_hash(
        lambda seed, seed_program: BestOfN(seed, seed_program),
    )
    assert None not in (source_hash(Nested), made)


def test_a_class_in_a_notebook_is_known_by_its_text_in_the_cell():
    text = "from zfbench.discoverers.best_of_n import BestOfN\n\n" + OWN.replace("(Base)", "(BestOfN)")
    text = text.replace("(BestOfN):", "(BestOfN):\n    step = 1")
    first = source_hash(of_cell(1, text))
    assert first is not None
    assert source_hash(of_cell(2, text.replace("number = 1", "number = 2"))) == first
    assert source_hash(of_cell(3, text.replace("step = 1", "step = 2"))) != first


def test_a_class_without_a_source_has_no_hash_and_neither_has_one_of_zfbench():
    names = {"__name__": "a_prompt_without_a_file"}
    exec("class Own:\n    def ask(self):\n        return None\n", names)
    assert source_hash(names["Own"]) is None
    assert source_hash(BestOfN) is None
    assert code_of(BestOfN, None) == {}


def test_the_header_names_the_kind_of_each_class():
    class Own:
        pass

    assert code_of(Own, None) == {"code": {"discoverer": source_hash(Own)}}
    assert code_of(None, Own) == {"code": {"proposer": source_hash(Own)}}


def test_a_proposer_with_a_version_of_its_own_is_known_by_that_number():
    class Own:
        version = 1

    class WithoutNumber(Proposer):
        version = None

    assert code_of(Own, Own) == {"code": {"discoverer": source_hash(Own)}}
    assert code_of(None, WithoutNumber) == {"code": {"proposer": source_hash(WithoutNumber)}}


def test_a_function_that_makes_a_method_is_known_by_its_source_too():
    def make(seed, seed_program):
        return BestOfN(seed, seed_program)

    def other(seed, seed_program):
        return BestOfN(seed + 1, seed_program)

    one, another = code_of(make, None)["code"], code_of(other, None)["code"]
    assert one.keys() == another.keys() == {"discoverer"}
    assert one != another
