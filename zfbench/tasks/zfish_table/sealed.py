"""The judgements of those programs of a table that were trained in full, and their file, which only the judge opens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zfbench.base.errors import DamagedFileError
from zfbench.protocols.space import Codes
from zfbench.tasks.zfish_table.table import canonical, read_codes, read_packed, rounded, write_packed, written

FORMAT = 1  # version of the file's form


@dataclass(frozen=True)
class Judgement:
    """The judgement of one program, trained in full.

    Attributes:
        status: `ok`, or why it has no scores.
        metrics: its scores by name.
        notes: sentences on scores that are missing.
    """

    status: str
    metrics: Mapping[str, float]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SealedTable:
    """The judgements that belong to a table.

    Attributes:
        table_sha256: hash of the table's content.
        metric_versions: version of each family of scores.
        judgements: by program.
    """

    table_sha256: str
    metric_versions: Mapping[str, int]
    judgements: Mapping[Codes, Judgement]

    def write(self, path: Path) -> None:
        """Write the file; the same judgements give the same bytes."""
        rows = {
            written(codes): {
                "status": j.status,
                "metrics": {name: rounded(value) for name, value in j.metrics.items()},
                "notes": j.notes,
            }
            for codes, j in sorted(self.judgements.items())
        }
        content = {
            "format": FORMAT,
            "table_sha256": self.table_sha256,
            "metric_versions": dict(self.metric_versions),
            "judgements": rows,
        }
        write_packed(path, canonical(content))

    @classmethod
    def read(cls, path: Path, table_sha256: str) -> SealedTable:
        """Read the file of a table's judgements.

        Args:
            path: the file.
            table_sha256: hash of the table that it must belong to.

        Raises:
            ZfbenchError: there is no file.
            DamagedFileError: it is none of this version, or belongs to another table.
        """
        content = read_packed(path)
        try:
            if content["format"] != FORMAT:
                raise ValueError(f"its format is {content['format']}, and this version reads {FORMAT}")
            judgements = {
                read_codes(word): Judgement(row["status"], row["metrics"], tuple(row["notes"]))
                for word, row in content["judgements"].items()
            }
            sealed = cls(content["table_sha256"], content["metric_versions"], judgements)
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedFileError(f"{path} holds no judgements of this version ({error}); pack it again.") from error
        if sealed.table_sha256 != table_sha256:
            raise DamagedFileError(f"{path} belongs to another table than the one beside it; pack both again.")
        return sealed
