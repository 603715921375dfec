"""The hash of the source of a class or function, by which an event log knows a method that no package registers."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
import tokenize
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from textwrap import dedent
from typing import Any

from zfbench.search.header import CODE

INSTALLED = {"site-packages", "dist-packages"}  # folders of installed packages


def code_of(discoverer: Callable[..., Any] | None, proposer: Callable[..., Any] | None) -> dict[str, Any]:
    """Return the entry of an event log's header with the hashes of methods that no package registers.

    Args:
        discoverer: the class or function that makes the discoverer; None for a registered one.
        proposer: the same of the proposer. One with a `version` is compared by that number, and has no hash.

    Returns:
        The entry with a hash for each kind; empty without a method whose source can be read.
    """
    if _has_version(proposer):
        proposer = None
    methods = {"discoverer": discoverer, "proposer": proposer}
    hashes = {kind: source_hash(own) for kind, own in methods.items() if own is not None}
    known = {kind: found for kind, found in hashes.items() if found is not None}
    return {CODE: known} if known else {}


def source_hash(own: Callable[..., Any]) -> str | None:
    """Return a hash of the source of a function, or of a class and of its bases.

    Comments and empty lines do not count, and neither do classes of zfbench, of Python and of installed packages, which
    may be of another version. What the method calls outside is left out: a script may change around it.

    Returns:
        The hash; None if Python cannot read the source, as of a class that was typed into the prompt of Python 3.12 or
        older, or if all of it is zfbench's or installed.
    """
    sources = [_source(part) for part in _parts(own)]
    known = [source for source in sources if source is not None]
    if not known or len(known) < len(sources):
        return None
    return hashlib.sha256("\n".join(map(_without_comments, known)).encode()).hexdigest()


def _parts(own: Any) -> list[Any]:
    """A function, or a class and its bases, but for those of zfbench, of Python and of installed packages."""
    parts = own.__mro__ if isinstance(own, type) else (own,)
    return [part for part in parts if _is_own(part.__module__)]


def _is_own(module: str) -> bool:
    package = module.partition(".")[0]
    if package == "zfbench" or package in sys.stdlib_module_names:
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is None or not INSTALLED.intersection(Path(file).parts)


def _has_version(own: Any) -> bool:
    """Whether a class or one of its bases, but for those of zfbench, has a version."""
    return own is not None and any(vars(part).get("version") is not None for part in _parts(own))


def _without_comments(source: str) -> str:
    """A source without comments and empty lines; as it is where it cannot be read by itself, such as a lambda's."""
    lines = source.splitlines()
    try:
        tokens = list(tokenize.generate_tokens(StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return source
    for token in tokens:
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    empty = {token.start[0] for token in tokens if token.type == tokenize.NL and not lines[token.start[0] - 1].strip()}
    return "\n".join(line.rstrip() for row, line in enumerate(lines, 1) if row not in empty)


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
