"""The hash of the source of a class, by which an event log knows a method that no package registers."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Callable
from textwrap import dedent
from typing import Any

from zfbench.search.header import CODE


def code_of(**methods: Callable[..., Any] | None) -> dict[str, Any]:
    """Return the entry of an event log's header with the hashes of methods that no package registers.

    Args:
        methods: the class or function that makes the method of each kind, such as `proposer`; None for a registered
            one.

    Returns:
        The entry with a hash for each kind; empty without a method whose source can be read. A class that declares a
        `version` is compared by that number, and has no hash.
    """
    hashes = {kind: source_hash(own) for kind, own in methods.items() if own is not None and not _has_version(own)}
    known = {kind: found for kind, found in hashes.items() if found is not None}
    return {CODE: known} if known else {}


def source_hash(own: Callable[..., Any]) -> str | None:
    """Return a hash of the source of a class and of its bases from the same package or script, or of a function.

    Comments and the layout do not count. What it calls outside is left out: a script may change around a class without
    changing it, and a package that it builds on may be of another version.

    Returns:
        The hash; None if Python cannot read the source, as of a class that was typed into the prompt of Python 3.12 or
        older, or if the class is zfbench's own.
    """
    if _home(own) == "zfbench":
        return None
    sources = [_source(part) for part in _parts(own)]
    known = [source for source in sources if source is not None]
    if len(known) < len(sources):
        return None
    meant = "\n".join(ast.dump(ast.parse(source)) for source in known)
    return hashlib.sha256(meant.encode()).hexdigest()


def _home(own: Any) -> str:
    """The package or script of a class or function."""
    return str(own.__module__).partition(".")[0]


def _parts(own: Any) -> list[Any]:
    """A class and its bases from the same package or script, or a function."""
    parts = own.__mro__ if isinstance(own, type) else (own,)
    return [part for part in parts if _home(part) == _home(own)]


def _has_version(own: Any) -> bool:
    return any("version" in vars(part) for part in _parts(own))


def _source(own: Any) -> str | None:
    try:
        return dedent(inspect.getsource(own))
    except (OSError, TypeError):  # its module has no file, as in a notebook
        functions = [value for value in vars(own).values() if inspect.isfunction(value)]
        return next((text for text in (_around(own.__name__, function) for function in functions) if text), None)


def _around(name: str, function: Any) -> str | None:
    """Return the source of the class of a name in which a function stands; a notebook keeps the text of each cell."""
    try:
        lines, line = inspect.findsource(function)
        tree = ast.parse("".join(lines))
    except (OSError, SyntaxError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == name and node.lineno <= line + 1 <= (node.end_lineno or 0):
            return dedent("".join(lines[node.lineno - 1 : node.end_lineno]))
    return None
