"""The suites, claims and results that come with zfbench, and their paths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.base.files import is_folder, is_there

FOLDER = Path(__file__).resolve().parent  # not by way of a checkout's link
SUITES, CLAIMS, RESULTS = FOLDER / "suites", FOLDER / "claims", FOLDER / "results"

ABSENT = "the published results are in the repository and not in this installation"
REMEDY = "install zfbench from a checkout with `python -m pip install -e .`"


def results_folder(given: Path | None) -> Path:
    """Return the given folder or file of results, or the folder of the published results.

    Raises:
        ZfbenchError: none was given, and the published results are not part of this installation.
    """
    if given is not None:
        return given
    if not RESULTS.is_dir():
        raise ZfbenchError(
            f"{ABSENT.capitalize()}; {REMEDY}, or name a folder of results, such as leaderboard/results of a checkout "
            "or one that `zfbench suite run SUITE --out FOLDER` makes."
        )
    return RESULTS


def results_folders(given: Sequence[Path] | None, with_published: bool) -> tuple[Path, ...]:
    """Return the given files and folders of results, and the published ones if they are asked for or none are given.

    Args:
        given: files and folders.
        with_published: True to add the published results.

    Raises:
        ZfbenchError: the published results are wanted, and are not part of this installation.
    """
    published = () if given and not with_published else (results_folder(None),)
    return (*(given or ()), *published)


def suite_names() -> tuple[str, ...]:
    """Return the names of the shipped suites."""
    return tuple(sorted(path.stem for path in SUITES.glob("*.toml")))


def suite_path(name: str) -> Path:
    """Return the path of a suite, given its path or the name of a shipped one.

    Raises:
        UnknownNameError: there is no such file and no such suite.
    """
    path = Path(name)
    if path.suffix == ".toml" or (is_there(path) and not is_folder(path)):
        return path
    if name not in suite_names():
        raise UnknownNameError("suite", name, suite_names())
    return SUITES / f"{name}.toml"


def name_of(suite: Path) -> str:
    """Return the name by which `suite_path` finds a suite: the name of a shipped one, the path of any other."""
    return suite.stem if suite.parent == SUITES else str(suite)
