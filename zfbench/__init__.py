"""zfbench: does a method for discovering mechanistic models discover the mechanism?

The public interface is `load_task`, `judge`, `run`, `load_results` and `Result`; see `zfbench.api`. It is loaded when
first used, so that `import zfbench` stays light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zfbench.api import Result, judge, load_results, load_task, run

__version__ = "0.2.0"
__all__ = ["Result", "__version__", "judge", "load_results", "load_task", "run"]


def __getattr__(name: str) -> Any:
    """Load a name of the public interface."""
    if name in __all__:
        from zfbench import api

        return getattr(api, name)
    raise AttributeError(f"module 'zfbench' has no attribute '{name}'; its public names are {', '.join(__all__)}")


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
