"""Cache on disk of arrays that take long to compute, addressed by a hash of what they were computed from."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from zfbench.base.files import atomic_write

Arrays = dict[str, NDArray[Any]]
VARIABLE = "ZFBENCH_CACHE"
ADVICE = f"free some space there, or set the environment variable {VARIABLE} to a folder that can be written"


def root() -> Path:
    """Return the folder of the cache.

    It is $ZFBENCH_CACHE if that is set, or else the user's cache directory. A user without a home that can be written,
    as in many containers, gets a folder of their own among the temporary files.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    usual, instead = (
        Path(platformdirs.user_cache_dir("zfbench")),
        Path(tempfile.gettempdir()) / f"zfbench-{os.getuid()}",
    )
    return instead if not _can_be_made(usual) and _is_private(instead) else usual


def _can_be_made(folder: Path) -> bool:
    """True if a folder can be written, or made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _is_private(folder: Path) -> bool:
    """Make a folder that this user alone can write, and return False if somebody else has made it before."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def remembered(kind: str, key: Mapping[str, Any], compute: Callable[[], Arrays]) -> Arrays:
    """Return the arrays that `compute` gives, from disk if they were computed before for an equal key.

    A file that cannot be read is computed again and replaced. Of several writers the last one wins, with equal content.

    Args:
        kind: folder in the cache.
        key: everything that the arrays depend on, versions included; JSON-compatible.
        compute: function that computes the arrays.

    Returns:
        The arrays by name.

    Raises:
        ZfbenchError: the cache cannot be written; the sentence names the variable that chooses another.
    """
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    path = root() / kind / digest[:2] / f"{digest}.npz"
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        arrays = compute()
    with atomic_write(path, advice=ADVICE) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    return arrays
