"""Python and TOML in the documentation: it parses, what it imports is there, and calls fit the public interface."""

import ast
import importlib
import inspect
import re
import tomllib
from pathlib import Path

import pytest

import zfbench

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")})


def blocks(language):
    """Document and text of every code block of a language."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```", re.DOTALL | re.MULTILINE)
    return [
        pytest.param(text, id=f"{document.relative_to(ROOT)}-{number}")
        for document in DOCUMENTS
        for number, text in enumerate(pattern.findall(document.read_text(encoding="utf-8")))
    ]


@pytest.mark.parametrize("text", blocks("python"))
def test_python_parses_and_what_it_imports_is_there(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("my_"):
            continue  # of the reader's own package, which tests/test_docs_run.py makes
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            assert not [alias.name for alias in node.names if not hasattr(module, alias.name)]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == "torch":
                    pytest.importorskip("torch")  # comes with extras alone
                importlib.import_module(alias.name)


@pytest.mark.parametrize("text", blocks("python"))
def test_calls_of_the_public_interface_have_its_arguments(text):
    for node in ast.walk(ast.parse(text)):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "zfbench":
            signature = inspect.signature(getattr(zfbench, called.attr))
            signature.bind(*node.args, **{keyword.arg: None for keyword in node.keywords})


@pytest.mark.parametrize("text", blocks("toml"))
def test_toml_parses(text):
    assert tomllib.loads(text)


def test_there_is_code_to_check():
    assert len(blocks("python")) >= 4
    assert len(blocks("toml")) >= 2
