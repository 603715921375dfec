"""Stand-ins for packages that a bare machine may lack, so that what needs no more of them can be imported.

Annotations of shapes (jaxtyping) are not checked then, and the cache's folder is among the temporary files.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from types import ModuleType
from typing import Any


class Shaped:
    """Stands for every annotation of jaxtyping: `Float[NDArray, "B N"]` is no type, but can be written."""

    def __class_getitem__(cls, _: Any) -> Any:
        return Any


def _jaxtyping() -> dict[str, Any]:
    return dict.fromkeys(("Array", "Bool", "Float", "Int", "Integer", "Num", "Shaped"), Shaped)


def _platformdirs() -> dict[str, Any]:
    return {"user_cache_dir": lambda name: f"{tempfile.gettempdir()}/{name}"}


MADE = {"jaxtyping": _jaxtyping, "platformdirs": _platformdirs}


def stand_in() -> list[str]:
    """Put a stand-in in the place of every package that is missing; returns their names."""
    missing = []
    for name, contents in MADE.items():
        try:
            importlib.import_module(name)
        except ImportError:
            module = ModuleType(name)
            vars(module).update(contents())
            sys.modules[name] = module
            missing.append(name)
    return missing
