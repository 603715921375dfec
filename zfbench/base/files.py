"""Files that are either whole or absent: write beside the target, flush to disk, then rename."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import tokenize
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zfbench.base.errors import ZfbenchError

ADVICE = "free some space there or choose another folder"
NO_LINKS = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EMLINK, errno.EXDEV)


@contextmanager
def atomic_write(path: Path, overwrite: bool = True, advice: str = ADVICE) -> Iterator[Path]:
    """Yield a temporary path; when the block ends well it becomes `path` in one step, else it is removed.

    Args:
        path: the file to write.
        overwrite: True if an existing file may be replaced; if False, exactly one of several writers succeeds.
        advice: text on what to do where the folder cannot be written.

    Raises:
        ZfbenchError: the folder cannot be written, the disk is full, or `path` is there and must not be replaced;
            `path` is as it was before.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        Path(name).chmod(0o644)  # temporary files are private, results are not
    except OSError as error:
        raise ZfbenchError(f"Cannot write to {path.parent} ({error.strerror}); {advice}.") from error
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        if overwrite:
            temporary.replace(path)
        else:
            _place(temporary, path)
    except FileExistsError as error:
        raise ZfbenchError(
            f"{path} is already there and results are never overwritten; choose another folder or seed."
        ) from error
    except OSError as error:
        raise ZfbenchError(f"Cannot write {path} ({error.strerror}); {advice}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def _place(temporary: Path, path: Path) -> None:
    """Give a file its name unless that is taken; on a file system without links, the name is claimed first.

    Raises:
        FileExistsError: the name is taken.
    """
    try:
        path.hardlink_to(temporary)  # unlike a rename, a link refuses to replace what is there
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        path.touch(exist_ok=False)  # of several writers, one makes the file
        temporary.replace(path)


def is_there(path: Path) -> bool:
    """Return True if there is such a file or folder; False also for a name that no file can have."""
    return os.path.exists(path)  # noqa: PTH110 (pathlib raises for a name that is too long)


def is_folder(path: Path) -> bool:
    """Return True if there is such a folder; False also for a name that no folder can have."""
    return os.path.isdir(path)  # noqa: PTH112 (as above)


def read_text(path: Path, what: str) -> str:
    """Return the text of a UTF-8 file that a user names, without a byte order mark.

    Args:
        path: the file.
        what: kind of file for the message of an error, such as "suite".

    Raises:
        ZfbenchError: the file cannot be opened, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ZfbenchError(f"Cannot read the {what} {path} ({reason}); check the path.") from error


def check_target(path: Path) -> None:
    """Check that a new file can be written, before the work that it will hold.

    Raises:
        ZfbenchError: the file is there, or its folder cannot be written.
    """
    if is_there(path):
        raise ZfbenchError(
            f"The file {path} is already there and results are never overwritten; choose another seed, name another "
            "file with --out, or remove it."
        )
    check_folder(path.parent)


def check_folder(folder: Path, advice: str = ADVICE) -> None:
    """Make a folder, and check that files can be written there.

    Args:
        folder: the folder.
        advice: text on what to do where it cannot be written.

    Raises:
        ZfbenchError: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ZfbenchError(f"Cannot write to the folder {folder} ({reason}); {advice}.") from error


def write_text(path: Path, text: str, advice: str = ADVICE) -> None:
    """Write a text file atomically, as `atomic_write` does.

    Args:
        path: the file to write.
        text: its text.
        advice: text on what to do where the folder cannot be written.
    """
    with atomic_write(path, advice=advice) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_source(path: Path) -> str:
    """Return the text of a Python file as Python reads it, with its byte order mark and coding line taken into account.

    Raises:
        ZfbenchError: the file cannot be opened, or is not text in the encoding that it declares.
    """
    try:
        with tokenize.open(path) as file:
            return file.read()
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise ZfbenchError(f"Cannot read the program {path}: {error}; check the path and its encoding.") from error
