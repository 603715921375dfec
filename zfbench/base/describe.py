"""Descriptions of plug-ins: the first sentence of a docstring, read from the source without importing it."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

from zfbench.base.plugins import KINDS, entries


def descriptions(kind: str) -> dict[str, str]:
    """Return by name the first sentence of the docstring of each registered object, or else of its module.

    It is empty where several objects are registered under one name, or the source cannot be read.

    Args:
        kind: kind of the objects, a key of `zfbench.base.plugins.KINDS`.

    Returns:
        The names in order, each with its sentence.
    """
    targets: dict[str, set[tuple[str, str]]] = {}
    for entry in entries(KINDS[kind]):
        targets.setdefault(entry.name, set()).add((entry.module, entry.attr))
    return {name: _description(*own.pop()) if len(own) == 1 else "" for name, own in sorted(targets.items())}


def _description(module: str, attribute: str) -> str:
    path = _source(module)
    return "" if path is None else _docstrings(path).get(attribute, _docstrings(path)[""])


def module_docstring(kind: str, name: str) -> str:
    """Return the whole docstring of the module of a registered object; empty under the conditions of `descriptions`.

    Args:
        kind: kind of the object, a key of `zfbench.base.plugins.KINDS`.
        name: registered name.
    """
    modules = {entry.module for entry in entries(KINDS[kind], name)}
    path = _source(modules.pop()) if len(modules) == 1 else None
    if path is None:
        return ""
    try:
        return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    except (OSError, SyntaxError, ValueError):  # no text, or not Python
        return ""


def _source(module: str) -> Path | None:
    """The file of a module, found along the path of its packages, none of which is imported."""
    search: list[str] | None = None
    found = None
    for part in module.split("."):
        found = PathFinder.find_spec(part, search)
        if found is None:
            return None
        search = list(found.submodule_search_locations or ())
    return None if found is None or not found.origin else Path(found.origin)


@cache
def _docstrings(path: Path) -> dict[str, str]:
    """First sentences by name: of classes, functions and documented assignments of a file, of the module as ""."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):  # no text, or not Python
        return {"": ""}
    found = {"": first_sentence(ast.get_docstring(tree))}
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[node.name] = first_sentence(ast.get_docstring(node)) or found[""]
        elif isinstance(node, ast.Assign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            found |= dict.fromkeys(names, first_sentence(str(after.value.value)))
    return found


def first_sentence(docstring: str | None) -> str:
    """Return the first sentence of a docstring on one line, without its full stop."""
    paragraph = " ".join((docstring or "").split("\n\n")[0].split())
    return re.split(r"(?<! al)\.(?:\s+(?=[A-Z])|$)", paragraph)[0]
