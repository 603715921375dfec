"""Checks of a program's source without running it: its length, its syntax, and the names it defines."""

from __future__ import annotations

import ast

from zfbench.records.program import CandidateError, Status

SOURCE_LIMIT = 65_536  # bytes; the longest published search programs stay below half of it


def parse_source(source: str) -> ast.Module:
    """Return the syntax tree of a program of any kind.

    Raises:
        CandidateError: invalid; the source is too long or does not parse.
    """
    size = len(source.encode(errors="replace"))
    if size > SOURCE_LIMIT:
        raise CandidateError(Status.INVALID, f"The source has {size:,} bytes; at most {SOURCE_LIMIT:,} are accepted.")
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise CandidateError(
            Status.INVALID, f"The source does not parse: {error.msg} at line {error.lineno}."
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise CandidateError(
            Status.INVALID, f"The source does not parse: {str(error) or 'nested too deeply'}."
        ) from error


def check_source(source: str) -> None:
    """Check the length and the syntax of a source, and that it defines `Model` with its methods.

    Raises:
        CandidateError: invalid; the source is too long, does not parse, or lacks `Model` or a method.
    """
    tree = parse_source(source)
    models = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Model"]
    if not models:
        raise CandidateError(Status.INVALID, "The source must define a class `Model` (flax.linen) at its top level.")
    methods = {node.name for node in models[-1].body if isinstance(node, ast.FunctionDef)}
    for required in ("initial_state", "__call__"):
        if required not in methods:
            raise CandidateError(Status.INVALID, f"`Model` must define the method `{required}` in its own body.")
