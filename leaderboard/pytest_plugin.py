"""A pytest plug-in that checks claims, for an author's own CI: `pytest CLAIMS --zfbench-results RESULTS`.

Every claim (a TOML file) below the given paths is one test: it passes when supported, fails when refuted or no better
than its margin, and is skipped with the reason when the results do not decide it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from zfbench.leaderboard.verdicts import Answer

OPTION = "--zfbench-results"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that switches the collection of claims on."""
    parser.getgroup("zfbench").addoption(OPTION, type=Path, help="Check claims (*.toml) against these results.")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ClaimFile | None:
    """Collect the file of a claim, if results were given."""
    if file_path.suffix != ".toml" or parent.config.getoption(OPTION) is None:
        return None
    text = file_path.read_text(encoding="utf-8", errors="replace")
    return ClaimFile.from_parent(parent, path=file_path) if "[[tests]]" in text else None


class ClaimFile(pytest.File):
    """The file of one claim."""

    def collect(self) -> Iterator[ClaimItem]:
        """Yield its one claim."""
        yield ClaimItem.from_parent(self, name=self.path.stem)


class NotSupportedError(Exception):
    """An error that says that the results refute a claim, or show less than its margin."""


class ClaimItem(pytest.Item):
    """The check of one claim."""

    def runtest(self) -> None:
        """Pass, skip or fail according to the results."""
        from zfbench.leaderboard.claim_names import check_names
        from zfbench.leaderboard.claims import read_claim
        from zfbench.leaderboard.commands import describe
        from zfbench.leaderboard.stand_ins import check_won_and_lost
        from zfbench.leaderboard.verdicts import check
        from zfbench.records.reading import load_folder

        place = self.config.getoption(OPTION)
        claim, results = read_claim(self.path), load_folder(place)
        check_names([claim], results)
        check_won_and_lost([claim], results)
        answer = check(claim, results)
        if answer.verdict == "undecided":
            undecided = [finding for finding in answer.findings if finding.reason]
            pytest.skip("; ".join(line for f in undecided for line in (f.reason, *describe(f.missing, claim, place))))
        if answer.verdict != "supported":
            raise NotSupportedError(_sentence(answer))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:  # noqa: ARG002 - the signature is pytest's
        """Return one line for a claim that is decided against, and pytest's own report for any other error."""
        if isinstance(excinfo.value, NotSupportedError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return the path and name of the claim."""
        return self.path, 0, f"claim {self.name}"


def _sentence(answer: Answer) -> str:
    from zfbench.leaderboard.claims_report import evidence

    against = [finding for finding in answer.findings if finding.verdict == answer.verdict]
    parts = [f"{finding.test.describe()}: {evidence(finding)}" for finding in against]
    return f"{answer.verdict}: {answer.claim.text} " + "; ".join(parts)
