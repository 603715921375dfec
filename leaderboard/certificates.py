"""The certificates that come with zfbench: does the loss that searches minimise rank the planted truth first?

Each is a file that `zfbench identify TASK --json` wrote, in `leaderboard/certificates`. A task without one is not
measured, but for those in which no program can be the truth.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zfbench.base.errors import DamagedFileError
from zfbench.leaderboard.shipped import FOLDER
from zfbench.leaderboard.table_files import page_of
from zfbench.runs import unseen
from zfbench.runs.certificate import Certificate, Signal, as_text

CERTIFICATES = FOLDER / "certificates"
AUTONOMOUS = "/autonomous"  # ends the names of tasks that show no drive
TABLE = "zfish-table/"  # begins the names of tasks on which losses are looked up
WITHOUT_TRUTH = "none, because without the drive no program can be the true circuit"
LOOKED_UP = "none, because nothing is trained there; {page} has the rank of the truth among all programs"
NOT_MEASURED = "not measured"
ENOUGH = 10  # replicates from which on nine tenths of them can be told
CLEAR = 2.0  # standard deviations of the paired difference from which on a search that sees one replicate sees a signal
MEANING = (
    "Certificate: does the loss that searches minimise rank the true program before its rivals? Identifying: first in "
    "nine tenths of the trainings; partly: its median rank is within the best twentieth; not identifying: neither "
    "(`zfbench identify`). The settings of trainings were chosen with the replicates of zfish-tiny/masked in view; "
    "with ten other training seeds its verdict is 'partly' (docs/identify.md)."
)


@dataclass(frozen=True)
class Published:
    """A certificate that comes with zfbench, with what it was measured on.

    Attributes:
        command: the shell command that measured it.
        data_sha256: of the task.
        benchmark_version: whose trainer and losses were used.
        libraries: their versions.
        kinds: the kinds of programs that the truth was compared with; empty for all.
        found: the certificate of the task's own loss, and then those of other losses of the same trainings.
    """

    command: str
    data_sha256: str
    benchmark_version: int
    libraries: Mapping[str, str]
    kinds: tuple[str, ...]
    found: tuple[Certificate, ...]

    @property
    def task(self) -> str:
        """Full name of the task."""
        return self.found[0].task

    @property
    def verdict(self) -> str:
        """The verdict on the task's own loss, as `verdict_on` says it."""
        return self.verdict_on(self.found[0])

    def verdict_on(self, certificate: Certificate) -> str:
        """Return the verdict on one of the losses, with what weakens it: kinds of rivals left out, few replicates.

        Args:
            certificate: one of `found`.
        """
        among = f" among {' and '.join(self.kinds)} programs" if self.kinds else ""
        count = certificate.replicates
        few = "" if count >= ENOUGH else " (one replicate)" if count == 1 else f" ({count} replicates)"
        return f"{certificate.verdict}{among}{few}"

    @property
    def sentence(self) -> str:
        """The verdict on the task's own loss, and the counts that it rests on."""
        own = self.found[0]
        counts = " and ".join(f"{s.first} of {own.replicates} at {s.updates:,} updates" for s in own.standings)
        return f"{self.verdict}; of {own.programs} programs the truth is first in {counts}"


def read(path: Path) -> Published:
    """Read the file of a certificate.

    Raises:
        DamagedFileError: it is not what `zfbench identify --json` writes.
    """
    try:
        content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = tuple(Certificate.from_json(certificate) for certificate in content["certificates"])
        told = [certificate["verdict"] for certificate in content["certificates"]]
        if not found or told != [certificate.verdict for certificate in found]:
            raise ValueError("its verdict is not that of its ranks")
        return Published(
            content["command"],
            content["data_sha256"],
            content["benchmark_version"],
            content["libraries"],
            tuple(content["kinds"]),
            found,
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(
            f"{path} holds no certificate ({error}); write it again with `zfbench identify TASK --json`."
        ) from error


def published(folder: Path = CERTIFICATES) -> tuple[Published, ...]:
    """Return all certificates of a folder, by name of their files."""
    return tuple(read(path) for path in sorted(folder.glob("*.json")))


def certificate_of(task: str, data_sha256: str | None = None, folder: Path = CERTIFICATES) -> Published | None:
    """Return the certificate of a task, or None if it is not measured.

    Args:
        task: full name of the task.
        data_sha256: hash of the data that it must have been measured on; None for any.
        folder: of the certificates.
    """
    for known in published(folder):
        if known.task == task and data_sha256 in (None, known.data_sha256):
            return known
    return None


def verdict_of(task: str, folder: Path = CERTIFICATES) -> str | None:
    """Return a sentence on whether the loss of a task sees the truth, or None if that is not measured.

    Args:
        task: full name of the task.
        folder: of the certificates.
    """
    if _shows_no_drive(task):
        return WITHOUT_TRUTH
    if task.startswith(TABLE):
        return LOOKED_UP.format(page=page_of(task))
    known = certificate_of(task, folder=folder)
    return None if known is None else known.sentence


def words(task: str, data_sha256: str | None = None, folder: Path = CERTIFICATES) -> str:
    """Return the verdict on a task for a heading, such as "certificate: partly".

    Args:
        task: full name of the task.
        data_sha256: hash of the data that it must have been measured on; None for any.
        folder: of the certificates.
    """
    if _shows_no_drive(task):
        return "no certificate without the drive"
    if task.startswith(TABLE):
        return "no certificate on a table"
    known = certificate_of(task, data_sha256, folder)
    return f"certificate: {NOT_MEASURED if known is None else known.verdict}"


def _shows_no_drive(task: str) -> bool:
    return task.split("@")[0].endswith(AUTONOMOUS)


def as_markdown(known: Sequence[Published], tasks: Collection[str]) -> str:
    """Return the tables of certificates for a document.

    Args:
        known: the certificates.
        tasks: names of tasks that are said to be not measured, or to have no certificate, unless there is one.
    """
    lines = [
        "| task | loss | verdict | programs | replicates | truth first, by updates | median rank, by updates |",
        "|---|---|---|--:|--:|---|---|",
    ]
    for one in known:
        for number, c in enumerate(one.found):
            first = ", ".join(f"{s.updates:,}: {s.first}" for s in c.standings)
            median = ", ".join(f"{s.updates:,}: {s.median_rank:g}" for s in c.standings)
            name = f"**{c.objective}**" if number == 0 else c.objective
            cells = (f"`{c.task}`", name, one.verdict_on(c), str(c.programs), str(c.replicates), first, median)
            lines.append(f"| {' | '.join(cells)} |")
    for task in tasks:
        if all(one.task != task for one in known):
            lines.append(f"| `{task}` | | {verdict_of(task) or NOT_MEASURED} | | | | |")
    lines += ["", "In bold: the loss that searches of the task minimise. The others rank the same trainings."]
    return "\n".join([*lines, *(part for one in known for part in _details(one))])


def findings(known: Sequence[Published]) -> str:
    """Return what the certificates found, a paragraph for each task with features and one list of all others."""
    paragraphs = [_finding(one) for one in known if _has_features(one)]
    plain = [f"- `{one.task}`: {one.sentence}.{_once(one)}" for one in known if not _has_features(one)]
    return "\n\n".join([*paragraphs, *(["\n".join(plain)] if plain else [])] or ["None was measured yet."])


def _has_features(one: Published) -> bool:
    return any(standing.added or standing.removed for standing in one.found[0].standings)


def _finding(one: Published) -> str:
    """What comes before the truth under each budget, and which features its losses show."""
    own = one.found[0]
    said = [f"**`{own.task}`, {one.sentence}.**"]
    for standing in own.standings:
        before = [f"{name} ({count} of {own.replicates})" for name, count in standing.before().items()]
        said.append(
            f"At {standing.updates:,} updates {'these come' if len(before) > 1 else 'this comes'} before it in some "
            f"replicates: {'; '.join(before)}."
            if before
            else f"At {standing.updates:,} updates nothing comes before it."
        )
    if (apart := unseen.sentence(own)) is not None:
        said.append(apart)
    strangers = {name for s in own.standings for name in s.before() if name.startswith(("seed: ", "generic: "))}
    if not strangers:
        said.append("No seed and no generic program does.")
    if own.replicates == 1:
        said.append("With one replicate no signal has a standard deviation.")
    else:
        added = _clear({s.updates: s.added for s in own.standings})
        removed = _clear({s.updates: s.removed for s in own.standings})
        said.append(
            f"Features with a signal of at least {CLEAR:g} standard deviations: added to the seed, {added}; missing "
            f"from the truth, {removed}."
        )
    said += [f"By the loss {other.objective} the verdict is {one.verdict_on(other)}." for other in one.found[1:]]
    return " ".join(said) + _once(one)


def _once(one: Published) -> str:
    """A sentence on losses that the larger budget does not change, which are one finding and not two."""
    first, *others = one.found[0].standings
    if not others or any(other.losses != first.losses for other in others):
        return ""
    return " All budgets give equal losses, because nothing is fitted beyond the smallest one: they are one finding."


def _clear(by_updates: Mapping[int, Mapping[str, Signal]]) -> str:
    """How many features have a clear signal under each budget."""
    counts = {u: sum((signal.ratio or 0.0) >= CLEAR for signal in own.values()) for u, own in by_updates.items()}
    return " and ".join(f"{counts[u]} of {len(own)} at {u:,} updates" for u, own in by_updates.items())


def _details(one: Published) -> list[str]:
    """What a certificate with features rests on: the command, their signals, and the median losses."""
    if not _has_features(one):
        return []
    from tabulate import tabulate  # not needed to list names

    def table(rows: list[list[str]], headings: list[str]) -> str:
        return tabulate(rows, headings, tablefmt="github", disable_numparse=True)

    libraries = ", ".join(f"{name} {version}" for name, version in one.libraries.items())
    measured = f"Measured with `{one.command}` ({libraries}; data {one.data_sha256[:12]})."
    apart = unseen.sentence(one.found[0])
    said = as_text(one.found[0], table)
    return ["", f"## {one.task}", "", measured, "", said, *(["", apart] if apart else [])]
