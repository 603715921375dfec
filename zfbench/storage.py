"""Fitted forecasters on disk: one `.npz` file of arrays, which cannot hold code."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from zfbench.errors import DamagedFileError, ZfbenchError
from zfbench.files import atomic_write
from zfbench.forecaster import Storable


def save(model: Storable, path: Path) -> None:
    """Write a fitted model's state.

    Args:
        model: fitted.
        path: ends in `.npz`.

    Raises:
        ZfbenchError: the folder cannot be written.
    """
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **model.arrays())


def load(model: Storable, path: Path) -> None:
    """Give a model, made for the same task and not fitted, the state that `save` wrote.

    Raises:
        DamagedFileError: the file does not hold a state of this model on this task.
        ZfbenchError: the file cannot be opened.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            model.restore({name: archive[name] for name in archive.files})
    except OSError as error:
        raise ZfbenchError(f"Cannot read {path} ({error.strerror or error}); check the path.") from error
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DamagedFileError(
            f"{path} holds no state of this model on this task ({error}); fit and save it again."
        ) from error
