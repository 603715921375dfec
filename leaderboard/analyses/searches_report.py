"""Searches side by side as Markdown, and their lowest losses so far as a picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
from tabulate import tabulate

from zfbench.leaderboard.analyses import composition, targets
from zfbench.leaderboard.analyses.landscape import correlation
from zfbench.leaderboard.analyses.searches import (
    AREA,
    LOSS,
    SCORES,
    TESTED,
    Comparison,
    Pair,
    order_agreement,
    rows_of,
)
from zfbench.leaderboard.analyses.table_report import read
from zfbench.leaderboard.outcomes import is_error
from zfbench.leaderboard.statistics import anytime_band
from zfbench.leaderboard.table_files import file_of, page_of
from zfbench.tasks.zfish_table.family import EVALUATED_ON

Races = Mapping[str, Mapping[int, Mapping[str, float]]]  # by task, evaluations and method

HEADINGS = (
    "method",
    "seeds",
    "loss after the finals",
    "loss on the way",
    "generalisation",
    "wiring",
    "responses",
    "mean",
    "proposals up to the judged program",
    "evaluations that improve",
)
CALLED = {LOSS: "loss after the finals", AREA: "loss on the way", "headline/mean": "mean of the headline scores"}
SAID = dict(zip(SCORES, ("generalisation", "wiring", "responses", "their mean"), strict=True))
READING = (
    "Means over seeds with Student's 95 % interval. A loss is of the validation windows: the geometric mean over "
    "groups of neurons of the error divided by that of the last value, so that 1 is as good as the last value. Means "
    "of losses are geometric, and x/ 1.10 says that the interval goes from the mean divided by 1.10 to the mean times "
    "1.10. The loss on the way is the mean over all evaluations of the lowest loss so far. Scores are of the program "
    "that the finals chose: 0 at its control, 1 at the true circuit. Proposals up to the judged program: how many "
    "changes in a row lead from the seed program to it. Evaluations that improve: the share that lowered the lowest "
    "loss so far."
)
PAIRS = (
    "Every pair: the loss of the method divided by that of the other method, and the mean of the one minus that of the "
    "other, with Student's 95 % interval and p of that pair alone. Bold: significant after Holm's correction."
)
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A7A7A")  # Okabe & Ito's palette
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900, 420, 70, 190, 30, 50  # pixels


def as_markdown(found: Sequence[Comparison], races: Races | None = None) -> str:
    """Return the tables of several comparisons.

    Args:
        found: the comparisons.
        races: by the task of which there is a table, and the number of evaluations, each method's mean regret on the
            way on that table; None to compare with none.
    """
    if not found:
        return "No two searches of one task, proposer and budget are among these results."
    return "\n\n".join([READING, *(_part(comparison, races or {}) for comparison in found)])


def _part(c: Comparison, races: Races) -> str:
    budget = ", ".join(f"{value:g} {unit}" for unit, value in sorted(c.budget.items()))
    parts = [f"### {c.task}, {c.proposer}: {budget}", _table(rows_of(c), HEADINGS)]
    parts += [targets.as_markdown(c), composition.as_markdown(c)]
    parts += [*(_tested(c, measure) for measure in TESTED), _pairs(c), _relations(c)]
    race = races.get(c.task, {}).get(int(c.budget.get("evaluations", 0)))
    agreement = None if race is None else order_agreement(c, race)
    if agreement is not None:
        tau, here, there = agreement
        page = page_of(c.task).name
        parts.append(
            f"By the loss on the way, the order here is {_listed(here)}; on the table ([its page]({page})), after as "
            f"many evaluations, it is {_listed(there)}. Kendall's tau of the two orders: {tau:+.2f}."
        )
    return "\n\n".join(part for part in parts if part)


def _tested(c: Comparison, measure: str) -> str:
    """How many pairs differ by a measure, and what so many seeds could have shown."""
    pairs = [pair for pair in c.pairs if pair.measure == measure]
    if not pairs:
        return ""
    differ = [pair for pair in pairs if pair.significant]
    smallest = sorted(pair.detectable for pair in pairs)[len(pairs) // 2]
    shows = f"a ratio of {math.exp(smallest):.2f}" if is_error(measure) else f"a difference of {smallest:.2f}"
    return (
        f"By the {CALLED[measure]}, {len(differ)} of {len(pairs)} pairs differ significantly (paired over the seeds "
        f"that both have, {_span(pair.gap.n for pair in pairs)}; Holm's correction). With so many seeds a test of one "
        f"pair alone has a power of 80 % for {shows} or more (median over pairs)."
    )


def _pairs(c: Comparison) -> str:
    """Every pair of methods by every measure that was tested, significant or not."""
    by_measure = {(pair.one, pair.other, pair.measure): pair for pair in c.pairs}
    names = dict.fromkeys((pair.one, pair.other) for pair in c.pairs)
    measures = [measure for measure in TESTED if any(pair.measure == measure for pair in c.pairs)]
    if not measures:
        return ""
    rows = [
        [*(f"`{name}`" for name in pair), *(_difference(by_measure.get((*pair, measure))) for measure in measures)]
        for pair in names
    ]
    return f"{PAIRS}\n\n{_table(rows, ['method', 'other method', *(CALLED[measure] for measure in measures)])}"


def _relations(c: Comparison) -> str:
    """Which scores of the judged programs the loss after the finals goes with, whatever method found them."""
    values = {name: [v for method in c.runs for v in _by_run(c, method, name)] for name in (LOSS, *SCORES)}
    losses = values.pop(LOSS)
    known = {name: correlation(losses, own) for name, own in values.items() if len(own) == len(losses)}
    said = [
        f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}] with {SAID[name]}"
        for name, found in known.items()
        if found is not None
    ]
    if not said:
        return ""
    return (
        f"Of all {len(losses)} judged programs the rank correlation of the loss after the finals is {', '.join(said)} "
        "(95 % interval; programs of one seed have evaluations in common)."
    )


def _by_run(c: Comparison, method: str, name: str) -> list[float]:
    own = c.by_seed(method, name)
    return [own[run.seed] for run in c.runs[method] if run.seed in own]


def _difference(pair: Pair | None) -> str:
    """The difference of a pair, its interval and p; in bold if it is significant."""
    if pair is None:
        return "-"
    values = (pair.gap.estimate, pair.gap.low, pair.gap.high)
    if is_error(pair.measure):
        size, low, high = (f"{math.exp(value):.2f}" for value in values)
        size = f"x {size}"
    else:
        size, low, high = (f"{value:+.2f}" for value in values)
    text = f"{size} ({low} to {high}), p {pair.p:.1g}"
    return f"**{text}**" if pair.significant else text


def _span(counts: Iterable[int]) -> str:
    """The smallest and the largest of some numbers of seeds."""
    known = sorted(set(counts))
    return f"{known[0]} of them" if len(known) == 1 else f"{known[0]} to {known[-1]} of them"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(rows: Sequence[Sequence[str]], headings: Sequence[str]) -> str:
    return tabulate(rows, headings, tablefmt="github", disable_numparse=True)


def read_races(folder: Path) -> Races:
    """Return each method's mean regret on the way on each table, as `as_markdown` takes it.

    Args:
        folder: holds files of `zfbench table race`; a table without one is left out.

    Raises:
        DamagedFileError: a file holds no race.
    """
    found: dict[str, dict[int, dict[str, float]]] = {}
    for task, evaluated_on in EVALUATED_ON.items():
        path = folder / file_of(task, "race")
        if path.exists():
            race = read(path)
            found[evaluated_on] = {
                budget: {name: of["budgets"][str(budget)]["area"]["mean"] for name, of in race["methods"].items()}
                for budget in race["budgets"]
            }
    return found


def draw(c: Comparison) -> str:
    """Return the lowest loss so far of each method as SVG: median over seeds, and quartiles as a band.

    Args:
        c: the searches.
    """
    bands = {method: anytime_band(c.best(method)) for method in c.runs}
    longest = max(len(bounds[1]) for bounds in bands.values())
    first = 2 if longest > 2 else 1  # the first is the seed program in every search

    def x(evaluation: float) -> float:
        return round(LEFT + (evaluation - first) / max(longest - first, 1) * (WIDTH - LEFT - RIGHT), 1)

    shown = np.concatenate([band[first - 1 :] for bounds in bands.values() for band in bounds])
    shown = shown[np.isfinite(shown)]
    low, high = math.log(float(shown.min())), math.log(float(shown.max()))

    def y(loss: float) -> float:
        place = (math.log(loss) - low) / max(high - low, 1e-12)
        return round(HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'role="img" font-family="sans-serif" font-size="13" fill="#222">',
        f"<title>Lowest loss so far on {escape(c.task)}, median and quartiles over seeds</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="18" font-weight="bold">{escape(c.task)}: lowest loss so far, median and quartiles over '
        "seeds</text>",
    ]
    for k in range(5):
        value = math.exp(low + (high - low) * k / 4)
        parts.append(f'<path d="M{LEFT} {y(value)}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(value) + 4}" text-anchor="end" font-size="11">{value:.2g}</text>')
    for evaluation in sorted({first, *range(10, longest + 1, 10), longest}):
        at = f'x="{x(evaluation)}" y="{HEIGHT - BOTTOM + 18}"'
        parts.append(f'<text {at} text-anchor="middle" font-size="11">{evaluation}</text>')
    parts.append(f'<text x="{x((longest + first) / 2)}" y="{HEIGHT - 10}" text-anchor="middle">evaluations</text>')
    order = sorted(bands, key=lambda method: float(bands[method][1][-1]))
    for k, method in enumerate(order):
        lower, median, upper = bands[method]
        colour, dash = COLOURS[k % len(COLOURS)], f' stroke-dasharray="{4 + k} {k}"' if k else ""
        known = [i for i in range(first - 1, len(median)) if math.isfinite(upper[i])]
        there = " ".join(f"{x(i + 1)},{y(float(lower[i]))}" for i in known)
        back = " ".join(f"{x(i + 1)},{y(float(upper[i]))}" for i in reversed(known))
        line = " ".join(f"{x(i + 1)},{y(float(median[i]))}" for i in known)
        parts.append(f'<polygon points="{there} {back}" fill="{colour}" opacity="0.12"/>')
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        place = TOP + 14 + 22 * k
        parts.append(
            f'<path d="M{WIDTH - RIGHT + 14} {place}h26" stroke="{colour}" stroke-width="3"{dash}/>'
            f'<text x="{WIDTH - RIGHT + 46}" y="{place + 4}">{escape(method)}, {len(c.runs[method])} seeds</text>'
        )
    return "\n".join([*parts, "</svg>\n"])
