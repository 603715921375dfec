"""zfbench: does a method for discovering mechanistic models discover the mechanism?

The public interface is `load_task`, `load_recordings`, `judge`, `run`, `resume`, `load_results`, `add_result` and
`Result` (`zfbench.api`), and `plot` (`zfbench.plot`). It is loaded when first used, so that `import zfbench` stays
light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zfbench import plot
    from zfbench.api import Result, add_result, judge, load_recordings, load_results, load_task, resume, run

__version__ = "0.2.0"
__all__ = [
    "Result",
    "__version__",
    "add_result",
    "judge",
    "load_recordings",
    "load_results",
    "load_task",
    "plot",
    "resume",
    "run",
]


def __getattr__(name: str) -> Any:
    """Load a name of the public interface."""
    if name == "plot":
        return import_module("zfbench.plot")
    if name in __all__:
        from zfbench import api

        return getattr(api, name)
    raise AttributeError(f"module 'zfbench' has no attribute '{name}'; its public names are {', '.join(__all__)}")


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
