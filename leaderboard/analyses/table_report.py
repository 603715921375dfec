"""A race and a landscape in Markdown, as documents and terminals show them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from zfbench.base.errors import DamagedFileError, ZfbenchError
from zfbench.base.files import read_text
from zfbench.leaderboard.statistics import Interval, seeds_needed
from zfbench.leaderboard.table_files import files_of, track_of

TITLES = {
    "regret": "regret",
    "rank": "rank of the best",
    "optimum": "found the optimum",
    "truth": "evaluated the truth",
    "area": "mean regret on the way",
    "depth": "proposals up to the best",
}
SHARES = ("optimum", "truth")


PAGE = """\
# A race on the table of the track `{track}`

What [a table](../table.md) is, and what these numbers must not be used for, is said there. This page is written by

    zfbench table landscape {task} --out {landscape_file}
    zfbench table race {task} --seeds {seeds}{budgets} \\
      --out {race_file}
    zfbench table report {race_file} \\
      {landscape_file} \\{option}
      --to {page}

## The landscape

The table holds {programs:,} programs of a finite space, each trained with {updates:,} updates on `{made_of}`:

    {commands}

Choices are counted from 0 in the order of the slots. A loss is that of a short training on the validation data; a
choice is worth the loss with it minus the loss with the slot's first choice, so that less is better. The truth is the
program with the true choice in every slot in which the table holds it. Some choices are the same function with other
constants ([spaces.md](../spaces.md)); a program with these can be the truth too, and counts as it where "evaluated
the truth" is said; steps to and from the truth are those of the nearest one. It is not the truth of `zfbench identify`,
since the space leaves out the gate of the group S{narrowed}.

The column `mean` of the choices is over all combinations of the other slots. In the tables of rank correlations the
first column has what a search sees of a short training, and in the last row the loss of the full training
(`isolated_error` is the error of a group of neurons while all others follow the recording; `mae`, `standardised_mse`
and the log likelihood are of all neurons). A negative correlation with a score says that programs with a lower loss
have a higher score.

{landscape}

{atlas}{fidelity}## The race

{heading}

{race}
"""

ATLAS = """\
![Losses against scores of the judge, by program](../images/{picture})

The picture (`zfbench publish` draws it) has all programs of this table that were judged, and beside them those that
[live searches](live.md) chose. Where the loss tells which model has the mechanism, the scores fall from left to
right.

"""

FIDELITY = """\
## How long a screening has to be

{table}

The programs are those of the space that were trained in full: of each stage the true form, and programs of its best
tenth and of a tenth of it drawn by chance. "First of all" is the program with the lowest loss after this many updates;
its rank is that by the loss after a full training. The last column is the rank, after this many updates, of the
program that is best after a full training.

    zfbench table fidelity table/{folder} {lengths} \\
      --out {fidelity_file}

"""


def read(path: Path) -> dict[str, Any]:
    """Read the file of a race or a landscape.

    Raises:
        ZfbenchError: it cannot be read.
        DamagedFileError: it holds neither.
    """
    text = read_text(path, "file of a race or landscape")
    try:
        content: dict[str, Any] = json.loads(text)
        if not {"task", "table_sha256"} <= content.keys():
            raise ValueError("it names no table")
    except (ValueError, AttributeError, RecursionError) as error:
        raise DamagedFileError(f"{path} holds no race and no landscape ({error}); make it again.") from error
    return content


def read_fidelity(path: Path) -> dict[str, Any]:
    """Read the file of `zfbench table fidelity`.

    Raises:
        ZfbenchError: it cannot be read.
        DamagedFileError: it holds something else.
    """
    text = read_text(path, "file of screenings of several lengths")
    try:
        content: dict[str, Any] = json.loads(text)
        if not {"task", "programs", "drawn", "judged", "lengths"} <= content.keys():
            raise ValueError("it names no lengths")
    except (ValueError, AttributeError, RecursionError) as error:
        raise DamagedFileError(f"{path} holds no comparison of lengths ({error}); make it again.") from error
    return content


def page(race: Mapping[str, Any], landscape: Mapping[str, Any], fidelity: Mapping[str, Any] | None = None) -> str:
    """Return the page of results.

    Args:
        race: a race.
        landscape: a landscape.
        fidelity: how well screenings of several lengths rank programs; None leaves that part out.

    Raises:
        ZfbenchError: they are not of the same table.
    """
    if race["table_sha256"] != landscape["table_sha256"] or "pairs" not in race or "landscape" not in landscape:
        raise ZfbenchError("These are no race and landscape, in this order, of the same table; make both again.")
    files, made = files_of(race["task"]), landscape["made"]
    return PAGE.format(
        task=race["task"],
        track=track_of(race["task"]),
        programs=landscape["landscape"]["programs"],
        updates=made["updates"],
        made_of=made["task"],
        commands=made["command"].replace("; ", "\n    "),
        narrowed=narrowed(landscape),
        race_file=files.race,
        landscape_file=files.landscape,
        page=files.page,
        seeds=race["seeds"][1] + 1,
        budgets="".join(f" --budget {budget}" for budget in race["budgets"]),
        landscape=landscape_text(landscape),
        atlas="" if landscape["atlas"] is None else ATLAS.format(picture=files.picture.name),
        option="" if fidelity is None else f"\n      --fidelity {files.fidelity} \\",
        fidelity="" if fidelity is None else _fidelity_part(fidelity, files.fidelity),
        heading=race_heading(race),
        race=race_text(race),
    )


def narrowed(landscape: Mapping[str, Any]) -> str:
    """Return what is to say of the truth's inputs where the last slot, that of the inputs, has no choice in a table.

    Args:
        landscape: what `zfbench table landscape` wrote.
    """
    rows = landscape["landscape"]["choices"]
    stages = [row["choice"] for row in rows if row["slot"] == rows[-1]["slot"]]
    return "" if len(stages) > 1 else f"; and its last slot has one choice, {stages[0]}"


def race_text(race: Mapping[str, Any]) -> str:
    """Return a table for each budget of a race, with every pair that differs.

    Args:
        race: what `zfbench.leaderboard.analyses.race.Race.to_json` returned.
    """
    parts = []
    for budget in race["budgets"]:
        rows = []
        for name, method in race["methods"].items():
            measured = method["budgets"][str(budget)]
            rows.append([f"`{name}`", *(_cell(measure, measured[measure]) for measure in TITLES)])
        rows.sort(key=lambda row: race["methods"][row[0].strip("`")]["budgets"][str(budget)]["regret"]["mean"])
        parts.append(
            f"### {budget} evaluations\n\n{_table(rows, ['method', *TITLES.values()])}\n\n{_pairs(race, budget)}"
        )
    return "\n\n".join(parts)


def race_heading(race: Mapping[str, Any]) -> str:
    """Return a sentence on what was raced, and how the numbers are to be read."""
    first, last = race["seeds"]
    return (
        f"{len(race['methods'])} methods with {last - first + 1} seeds each ({first} to {last}) on `{race['task']}`, "
        f"{race['programs']:,} programs, table `{race['table_sha256'][:12]}`. Means over seeds with Student's 95 % "
        "interval. Regret is the lowest loss found minus the lowest of the table; pairs are tested at each budget with "
        "Student's test over paired seeds, corrected by Holm."
    )


def landscape_text(found: Mapping[str, Any]) -> str:
    """Return a landscape, its noise and its atlas.

    Args:
        found: the parts `landscape`, `noise` and `atlas`; the last two may be None.
    """
    land = found["landscape"]
    named = [
        [name, f"`{row['codes']}`", row["loss"], row["rank"], row["rank in full"] or "-"]
        for name, row in land["named"].items()
    ]
    facts = [[name, _plain(value)] for name, value in land["steps"].items()]
    facts += [[name, _plain(land[name])] for name in FACTS]
    parts = [
        _table(
            named,
            [
                "program",
                "choices",
                "loss",
                f"rank of {land['programs']:,}",
                f"rank after full training, of {land['trained in full']}",
            ],
        ),
        _table(facts, ["steps and traps", ""]),
        _table([_worth(row) for row in land["choices"]], ["slot", "choice", "mean", *WHERE]),
    ]
    if (noise := found["noise"]) is not None:
        rows = [[name, _plain(value)] for name, value in noise.items()]
        parts.append(_table(rows, ["noise of a screening", ""]))
    if (atlas := found["atlas"]) is not None:
        parts += [_atlas(atlas, group) for group in atlas["programs"]]
    return "\n\n".join(parts)


def fidelity_text(found: Mapping[str, Any]) -> str:
    """Return how well short trainings rank programs, a row for each length.

    Args:
        found: what `zfbench.leaderboard.analyses.fidelity.fidelity` returned.
    """
    rows = [
        [
            f"{row['updates']:,}",
            *(_correlation(row[name]) for name in AGAINST),
            f"`{row['winner']}`",
            row["rank of the winner in full"],
            row["rank of the best in full"],
        ]
        for row in found["lengths"]
    ]
    rows += [
        [f"{row['updates']:,}, {name}", *(_correlation(own[key]) for key in AGAINST), "-", "-", "-"]
        for row in found["lengths"]
        for name, own in row["stages"].items()
    ]
    headings = ["updates", *AGAINST.values(), "first of all", "its rank in full", "rank of the best in full"]
    sentence = (
        f"{found['programs']} programs trained in full, {found['drawn']} of them in a tenth drawn by chance, "
        f"{found['judged']} judged. Rank correlations of the loss after a short training with the loss after a full "
        "one, and with what the judge finds then."
    )
    return f"{sentence}\n\n{_table(rows, headings)}"


def _fidelity_part(found: Mapping[str, Any], file: Path) -> str:
    """Return the part of the page on the length of a screening, whose numbers are in that file."""
    return FIDELITY.format(
        table=fidelity_text(found),
        folder=str(found["task"]).replace("/", "__"),
        lengths=" ".join(f"--updates {row['updates']}" for row in found["lengths"]),
        fidelity_file=file,
    )


AGAINST = {
    "full loss": "full loss",
    "full loss, drawn": "full loss, of those in a tenth drawn by chance",
    "headline/generalisation": "generalisation",
    "headline/wiring": "wiring",
    "headline/responses": "responses",
}
FACTS = (
    "failed",
    "local optima",
    "descents that reach the optimum",
    "descent from the start",
    "fitness-distance correlation",
    "explained by single choices",
)
PAIR = ("lower regret", "higher regret", "difference", "95 % interval", "p", "significant", "seeds needed")
WHERE = ("at the start", "at the truth", "at the optimum")


def _atlas(atlas: Mapping[str, Any], group: str) -> str:
    """Return the rank correlations of what a search sees with what a judge finds."""
    columns = list(next(iter(atlas[group]["with the judge"].values())))
    rows = [
        [quantity, *(_correlation(found) for found in row.values())]
        for quantity, row in atlas[group]["with the judge"].items()
    ]
    called = {"all": "of the table", "best tenth": "of the best tenth"}.get(group, group)
    sentence = (
        f"Of the {atlas['of'][group]:,} programs {called}, {atlas['programs'][group]} were trained in full. The rank "
        f"correlation of their screening and their full training is "
        f"{_correlation(atlas[group]['screening and full training'])}."
    )
    return f"{sentence}\n\n{_table(rows, ['rank correlation', *columns])}"


def _worth(row: Mapping[str, Any]) -> list[str]:
    mark = " (true)" if row["true"] else ""
    values = [row["mean"], *(row[where] for where in WHERE)]
    return [row["slot"], row["choice"] + mark, *("-" if v is None else f"{v:+.4f}" for v in values)]


def _pairs(race: Mapping[str, Any], budget: int) -> str:
    """Return every pair of methods at one budget, that with the smallest p first."""
    pairs = [pair for pair in race["pairs"] if pair["budget"] == budget]
    found, (first, last) = [pair for pair in pairs if pair["significant"]], race["seeds"]
    head = f"{len(found)} of {len(pairs)} pairs differ significantly."
    if not pairs:
        return head
    rows = [_pair_row(pair, last - first + 1) for pair in sorted(pairs, key=lambda pair: pair["p"])]
    return (
        f"{_table(rows, PAIR)}\n\n{head} A difference is that of the higher regret less the lower one. Seeds needed: "
        "with so many, a test of that pair alone (level 5 %) finds the difference in four of five races."
    )


def _pair_row(pair: Mapping[str, Any], seeds: int) -> list[str]:
    sign, better, worse = (
        (-1, pair["one"], pair["other"]) if pair["regret"]["mean"] < 0 else (1, pair["other"], pair["one"])
    )
    mean, *bounds = (sign * pair["regret"][name] for name in ("mean", "low", "high"))
    low, high = sorted(bounds)
    needed = str(seeds_needed(Interval(mean, low, high, seeds))) if low > 0 else "-"
    decided = "yes" if pair["significant"] else "no"
    return [f"`{better}`", f"`{worse}`", f"{mean:.4f}", f"{low:.4f} to {high:.4f}", f"{pair['p']:.1g}", decided, needed]


def _cell(measure: str, value: Mapping[str, float | None]) -> str:
    mean = value["mean"]
    assert mean is not None
    if measure in SHARES:
        return f"{100 * mean:.0f} %"
    digits = 1 if measure in ("rank", "depth") else 4
    half = None if value["high"] is None else value["high"] - mean
    return f"{mean:.{digits}f}" + ("" if half is None else f" ± {half:.{digits}f}")


def _correlation(found: Mapping[str, float] | None) -> str:
    return "-" if found is None else f"{found['value']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return ", ".join(_correlation(v) if isinstance(v, dict) else _plain(v) for v in value)
    return str(value)


def _table(rows: Sequence[Sequence[Any]], headings: Sequence[str]) -> str:
    return tabulate(rows, headings, tablefmt="github", disable_numparse=True)
