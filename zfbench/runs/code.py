"""The hash of the source of a class, by which an event log knows a method that no package registers."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from textwrap import dedent
from typing import Any

NOT_OWN = {"zfbench", *sys.stdlib_module_names}  # packages whose classes are no part of a method of the user's own


def code_of(**methods: Any) -> dict[str, Any]:
    """Return the entry `code` of an event log's header: the hashes of classes that no package registers.

    Args:
        methods: the class of each kind, such as `proposer`; None for a registered one.

    Returns:
        The entry with a hash for each kind; empty without a class whose source can be read.
    """
    hashes = {kind: source_hash(own) for kind, own in methods.items() if isinstance(own, type)}
    known = {kind: found for kind, found in hashes.items() if found is not None}
    return {"code": known} if known else {}


def source_hash(own: type) -> str | None:
    """Return a hash of the source of a class and of its bases, without those of zfbench and of Python itself.

    Functions outside the class that it calls are left out: a script may change around a class without changing it.

    Returns:
        The hash; None if Python cannot read the source, as of a class that was typed into the prompt of Python 3.12 or
        older, or if the class is zfbench's own.
    """
    sources = [_source(part) for part in own.__mro__ if part.__module__.partition(".")[0] not in NOT_OWN]
    known = [source for source in sources if source is not None]
    if not known or len(known) < len(sources):
        return None
    return hashlib.sha256("\n".join(known).encode()).hexdigest()


def _source(own: type) -> str | None:
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
