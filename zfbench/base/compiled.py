"""Choice of the folder of Numba's compiled code: beside the package, or zfbench's cache if that is read-only."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from zfbench.base.cache import root

VARIABLE = "NUMBA_CACHE_DIR"


def choose_numba_cache(package: Path) -> None:
    """Set `NUMBA_CACHE_DIR` if Numba could not write beside a package's modules; call it before they are imported.

    Numba refuses to import a function with a cache when neither the package nor the user's home can be written, as in a
    container with an arbitrary user.

    Args:
        package: folder of the modules with compiled functions.
    """
    if VARIABLE in os.environ or os.access(package, os.W_OK):
        return
    wanted = root() / "numba"
    try:
        wanted.mkdir(parents=True, exist_ok=True)
        writable = os.access(wanted, os.W_OK)
    except OSError:
        writable = False
    os.environ[VARIABLE] = str(wanted) if writable else tempfile.mkdtemp(prefix="zfbench-numba-")
