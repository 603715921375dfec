"""Reference programs written by experts, as the plain source that a search would have to find.

The files are read and never imported here; they run in the same sandbox as every candidate.
"""

from __future__ import annotations

from importlib.resources import files

from zfbench.base.errors import UnknownNameError


def names() -> tuple[str, ...]:
    """Return the names of the reference programs, sorted."""
    found = (entry.name.removesuffix(".py") for entry in files(__name__).iterdir() if entry.name.endswith(".py"))
    return tuple(sorted(name for name in found if not name.startswith("_")))


def source(name: str) -> str:
    """Return the source of a reference program.

    Raises:
        UnknownNameError: there is none of that name; the nearest is suggested.
    """
    if name not in names():
        raise UnknownNameError("reference program", name, names())
    return (files(__name__) / f"{name}.py").read_text(encoding="utf-8")
