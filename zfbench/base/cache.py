"""Arrays that are dear to compute, kept on disk by what they were computed from."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from zfbench.base.files import atomic_write

Arrays = dict[str, NDArray[Any]]


def root() -> Path:
    """$ZFBENCH_CACHE, else the user's cache directory."""
    return Path(os.environ.get("ZFBENCH_CACHE") or platformdirs.user_cache_dir("zfbench"))


def remembered(kind: str, key: Mapping[str, Any], compute: Callable[[], Arrays]) -> Arrays:
    """What `compute` gives, from disk where an equal key was computed before.

    A file that cannot be read is computed anew and replaced; of several writers the last one wins, with equal content.

    Args:
        kind: folder in the cache.
        key: everything that the arrays depend on, versions included; JSON-compatible.
        compute: gives the arrays.

    Raises:
        ZfbenchError: the cache cannot be written.
    """
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    path = root() / kind / digest[:2] / f"{digest}.npz"
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        arrays = compute()
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    return arrays
