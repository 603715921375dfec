"""The folders of a suite's searches: each is begun beside the results, and kept or deleted when its result is there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from zfbench.base.errors import ZfbenchError
from zfbench.base.files import check_folder
from zfbench.runs.exchanges import PROMPTS
from zfbench.runs.plan import LOG, RESULT
from zfbench.search.eventlog import check_unused

WITH_PROMPTS = ".runs"  # beside the results, and hidden from those who read them, who would find each result twice


@dataclass(frozen=True)
class BegunSearches:
    """The places in which searches are begun, and to which their folders go.

    A folder with prompts and answers of a language model is never deleted, since they cannot be had again.

    Attributes:
        results: folder of the results.
        runs: folder in which the folder of each search is kept; None keeps those with prompts alone, in the folder
            `.runs` of the results.
    """

    results: Path
    runs: Path | None = None

    def check(self) -> None:
        """Check the folders before anything is measured.

        Raises:
            ZfbenchError: one of them cannot be written, or results would be read a second time in the folder of runs.
        """
        check_folder(self.results)
        if self.runs is None:
            return
        inside = self.runs.resolve()
        if inside.is_relative_to(self.results.resolve()):
            hidden = any(part.startswith(".") for part in inside.relative_to(self.results.resolve()).parts)
            if not hidden:
                raise ZfbenchError(
                    f"The folder of runs {self.runs} is in the folder of results {self.results}, where each result "
                    "would be read a second time; name a folder outside it."
                )
        check_folder(self.runs)

    def folder(self, name: str) -> Path:
        """Return the folder in which the search of a name is begun, and continued after an interruption."""
        return self.results / f".{name}"

    def end(self, name: str) -> Path | None:
        """Keep or delete the folder of a search whose result is written; return where it is kept."""
        return self._put_away(name, name, kept=self.runs is not None)

    def discard(self, name: str) -> Path | None:
        """Delete what was begun of a search, so that it begins anew; return where it is kept if it holds prompts.

        Raises:
            ZfbenchError: another process works on it.
        """
        self._check_unused(name)
        kept = self._put_away(name, f"{name}-unfinished", kept=False)
        if self.folder(name).exists():
            raise ZfbenchError(
                f"The folder {self.folder(name)} of an interrupted search cannot be deleted, so that the search cannot "
                "begin anew; delete it."
            )
        return kept

    def end_interrupted(self, name: str) -> Path | None:
        """Keep or delete the folder of a search that ended, if the process was stopped before it did so.

        Raises:
            ZfbenchError: another process works on it.
        """
        if not (self.folder(name) / RESULT).exists():
            return None
        self._check_unused(name)
        return self.end(name)

    def _check_unused(self, name: str) -> None:
        log = self.folder(name) / LOG
        if log.exists():
            check_unused(log)

    def _put_away(self, name: str, new: str, kept: bool) -> Path | None:
        begun = self.folder(name)
        if not (kept or (begun / PROMPTS).exists()):
            shutil.rmtree(begun, ignore_errors=True)
            return None
        if not begun.exists():  # the run is no search
            return None
        place = self.runs or self.results / WITH_PROMPTS
        target = next(path for path in _numbered(place / new) if not path.exists())
        try:
            place.mkdir(parents=True, exist_ok=True)
            shutil.move(begun, target)
        except OSError as error:
            raise ZfbenchError(
                f"The folder {begun} of a search cannot be moved to {target} ({error}); make room, and run the suite "
                "again."
            ) from error
        return target


def _numbered(path: Path) -> Iterator[Path]:
    """Yield a path, and then the path with the endings -2, -3, ..."""
    yield path
    yield from (path.with_name(f"{path.name}-{number}") for number in count(2))
