"""The weighted population that some methods end with: a file in the run's folder, and a short table of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from zfbench.base.errors import DamagedFileError
from zfbench.base.files import write_text
from zfbench.records.program import ProgramId
from zfbench.records.reading import POPULATION
from zfbench.search.tree import Member, best_number, line

FILE = POPULATION
SHOWN = 10  # programs in the table


def write(population: Sequence[tuple[ProgramId, float]], path: Path) -> None:
    """Write programs with their weights to a file; a program may occur several times."""
    rows = [{"program": program, "weight": weight} for program, weight in population]
    write_text(path, json.dumps(rows, indent=1) + "\n")


def read(path: Path) -> list[tuple[ProgramId, float]]:
    """Read the programs and weights that `write` wrote.

    Raises:
        DamagedFileError: the file was not written by `write`.
    """
    try:
        return [(str(row["program"]), float(row["weight"])) for row in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DamagedFileError(f"{path} holds no population ({error}); `zfbench resume` writes it again.") from error


def draw_text(population: Sequence[tuple[ProgramId, float]], members: Sequence[Member]) -> str:
    """Return one line for each program, heaviest first and numbered as in the run's tree; copies are counted together.

    Raises:
        DamagedFileError: a program is not of this run.
    """
    by_program = {member.scored.program.id: member for member in members}
    copies: dict[ProgramId, list[float]] = {}
    for program, weight in population:
        copies.setdefault(program, []).append(weight)
    if unknown := copies.keys() - by_program.keys():
        raise DamagedFileError(
            f"The population holds the program {min(unknown)}, which this run did not evaluate; `zfbench resume` "
            "writes it again."
        )
    ranked = sorted(copies, key=lambda program: (-sum(copies[program]), by_program[program].number))
    best = best_number(members)
    lines = [f"The weighted population: {len(copies)} programs, {len(population)} particles.", "weight  copies"]
    for program in ranked[:SHOWN]:
        member = by_program[program]
        lines.append(f"{sum(copies[program]):6.4f}  {len(copies[program]):6d}  {line(member, member.number == best)}")
    if rest := ranked[SHOWN:]:
        lines.append(f"{sum(sum(copies[program]) for program in rest):6.4f}  for {len(rest)} more")
    return "\n".join(lines)
