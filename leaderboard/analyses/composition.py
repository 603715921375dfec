"""Compare the programs that searches chose with the published circuit, choice by choice."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from tabulate import tabulate

from zfbench.leaderboard.analyses.searches import Comparison
from zfbench.leaderboard.genotypes import Parts, parts

MEANING = (
    "What the judged programs are made of, next to the program with which the family starts: how many of the choices "
    "of form that the published circuit has and the start lacks, how many other changes of form, and how many groups "
    "read exactly what they read in the circuit. Means over seeds, in brackets the most of one program. A choice of "
    "form is one gene of one group. relu in place of linear counts as the circuit's, as does clip in BG, since they "
    "are the same function there; other ways of writing the circuit ([spaces.md](../spaces.md)) do not."
)


def compositions(comparison: Comparison) -> dict[str, list[Parts]]:
    """Return by method what its judged programs are made of, those that can be compared with the circuit.

    Args:
        comparison: searches of one task, proposer and budget.
    """
    return {
        method: found
        for method, runs in comparison.runs.items()
        if (found := [own for run in runs if (own := parts(run)) is not None])
    }


def as_markdown(comparison: Comparison) -> str:
    """Return a table of what each method's judged programs are made of, and nothing where that is not known.

    Args:
        comparison: searches of one task, proposer and budget.
    """
    found = compositions(comparison)
    if not found:
        return ""
    some = next(iter(found.values()))[0]
    rows = [
        [
            f"`{method}`",
            str(len(own)),
            _cell([program.true for program in own]),
            _cell([program.other for program in own]),
            _cell([program.reads for program in own]),
        ]
        for method, own in found.items()
    ]
    headings = [
        "method",
        "programs",
        f"choices of the circuit, of {some.possible}",
        "other changes of form",
        f"groups that read what they should, of {some.groups}",
    ]
    return f"{MEANING}\n\n{tabulate(rows, headings, tablefmt='github', disable_numparse=True)}"


def _cell(counts: Sequence[int]) -> str:
    return f"{fmean(counts):.1f} ({max(counts)})"
