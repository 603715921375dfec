"""The landscape of a table: how far the optimum is, how many traps there are, what each choice is worth, and the noise.

Two programs are neighbours if they differ in one slot. A local optimum is a program that works and has no neighbour of
lower loss; a descent goes to the best neighbour until there is none that is better. A program that failed counts as
worse than all others, and is left out of means and correlations.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.space import Codes
from zfbench.records.program import Status
from zfbench.runs.tasks import LoadedTask, find_task
from zfbench.tasks.zfish_table.judge import TableJudge
from zfbench.tasks.zfish_table.sealed import SealedTable
from zfbench.tasks.zfish_table.table import Table, written
from zfbench.tasks.zfish_table.task import TableSpec

Array = NDArray[np.float64]

QUANTITIES = ("loss", "mae", "isolated_error", "standardised_mse", "minus log likelihood", "full loss")
JUDGED = ("headline/generalisation", "headline/wiring", "headline/responses", "forecast/id/mae", "forecast/ood/mae")
LEAST = 10  # programs below which a correlation is not shown
NORMAL = 1.959964  # two-sided quantile of 95 %


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation with an interval of 95 %, after Bonett & Wright (2000, doi:10.1007/BF02294183).

    Attributes:
        value: the correlation.
        low: lower bound.
        high: upper bound.
        n: number of programs.
    """

    value: float
    low: float
    high: float
    n: int

    def to_json(self) -> dict[str, float]:
        """Return a JSON-compatible form."""
        return {name: round(float(getattr(self, name)), 3) for name in ("value", "low", "high")} | {"n": self.n}


def correlation(x: ArrayLike, y: ArrayLike) -> Correlation | None:
    """Return the rank correlation of two quantities [n]; None for few programs, or if one of them is constant."""
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    kept = np.isfinite(a) & np.isfinite(b)
    a, b, n = a[kept], b[kept], int(kept.sum())
    if n < LEAST or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    value = float(stats.spearmanr(a, b).statistic)
    half = NORMAL * np.sqrt((1 + value**2 / 2) / (n - 3))
    centre = np.arctanh(np.clip(value, -1 + 1e-12, 1 - 1e-12))
    return Correlation(value, float(np.tanh(centre - half)), float(np.tanh(centre + half)), n)


def distance(one: Codes, other: Codes) -> int:
    """Return the number of slots in which two programs differ."""
    return sum(a != b for a, b in zip(one, other, strict=True))


def descents(table: Table) -> list[Codes]:
    """Return the program in which the descent from each program ends, in the order of the table."""
    end: dict[Codes, Codes] = {}

    def follow(codes: Codes) -> Codes:
        path = []
        while codes not in end:
            path.append(codes)
            best = min(table.neighbours(codes), key=lambda c: (_loss(table, c), c))
            if _loss(table, best) >= _loss(table, codes):
                end[codes] = codes
            else:
                codes = best
        for passed in path:
            end[passed] = end[codes]
        return end[codes]

    return [follow(codes) for codes in table.codes]


def downhill(table: Table, begin: Codes, goal: Codes) -> int | None:
    """Return the least number of changes, each of which lowers the loss, from one program to another; None if none do.

    Args:
        table: the table.
        begin: the program to begin with.
        goal: the program to reach.
    """
    steps, waiting = {begin: 0}, deque([begin])
    while waiting:
        codes = waiting.popleft()
        if codes == goal:
            return steps[codes]
        for other in table.neighbours(codes):
            if other not in steps and _loss(table, other) < _loss(table, codes):
                steps[other] = steps[codes] + 1
                waiting.append(other)
    return None


def describe(task: str | LoadedTask) -> dict[str, Any]:
    """Return landscape, noise and atlas of a task on a table, in a JSON-compatible form.

    Args:
        task: the task, or its name. Its judgements are opened, so this is no part of a search.

    Raises:
        ZfbenchError: the task is not on a table, or a file is missing or damaged.
    """
    loaded = find_task(task) if isinstance(task, str) else task
    spec, judge = loaded.task.spec, loaded.judge
    if not isinstance(spec, TableSpec) or not isinstance(judge, TableJudge):
        raise ZfbenchError(f"'{spec.name}' is not on a table; give a task such as zfish-table/masked.")
    facts = spec.table.facts
    return {
        "task": spec.name,
        "table_sha256": spec.table.sha256,
        "made": {"task": facts.task, "updates": facts.updates, "command": facts.command},
        "landscape": landscape(spec.table),
        "noise": noise(spec.table),
        "atlas": atlas(spec.table, judge.judgements) if judge.judgements.judgements else None,
    }


def landscape(table: Table) -> dict[str, Any]:
    """Return the facts of a landscape in a JSON-compatible form."""
    losses, ends = table.losses, descents(table)
    works = np.isfinite(losses)
    peaks = sorted({end for end in ends if np.isfinite(_loss(table, end))}, key=lambda c: (_loss(table, c), c))
    optimum, start, truths = table.optimum, table.start, table.truths
    ways = [steps for truth in truths if (steps := downhill(table, start, truth)) is not None]
    away = np.array([distance(codes, optimum) for codes in table.codes])
    return {
        "programs": len(table.codes),
        "failed": int((~works).sum()),
        "named": {name: _place(table, codes) for name, codes in _listed(table).items()},
        "trained in full": sum(loss is not None for loss in table.full.values()),
        "steps": {
            "start to truth": min(distance(start, truth) for truth in truths),
            "start to optimum": distance(start, optimum),
            "truth to optimum": min(distance(truth, optimum) for truth in truths),
            "downhill from start to truth": min(ways, default=None),
            "downhill from start to optimum": downhill(table, start, optimum),
        },
        "local optima": len(peaks),
        "their losses": [_rounded(_loss(table, peak)) for peak in peaks[:10]],
        "descents that reach the optimum": round(float(np.mean([end == optimum for end in ends])), 4),
        "descent from the start": written(ends[0]),
        "fitness-distance correlation": round(float(np.corrcoef(losses[works], away[works])[0, 1]), 3),
        "explained by single choices": round(_additive(table), 3),
        "choices": worth(table),
    }


def worth(table: Table) -> list[dict[str, Any]]:
    """Return what each choice of each slot is worth: differences of the loss from that of the slot's first choice.

    `mean` is over all combinations of the other slots of which both programs work; `at the start`, `at the truth` and
    `at the optimum` have the other slots of these programs.
    """
    rows = []
    for k, (slot, choices) in enumerate(zip(table.slots, table.choices, strict=True)):
        first = choices[0]
        for choice in choices:
            pairs = [
                (_loss(table, codes), _loss(table, (*codes[:k], first, *codes[k + 1 :])))
                for codes in table.codes
                if codes[k] == choice
            ]
            gaps = [a - b for a, b in pairs if np.isfinite(a) and np.isfinite(b)]
            at = {
                f"at the {name}": _rounded(
                    _loss(table, (*codes[:k], choice, *codes[k + 1 :]))
                    - _loss(table, (*codes[:k], first, *codes[k + 1 :]))
                )
                for name, codes in _named(table).items()
            }
            mean = _rounded(float(np.mean(gaps))) if gaps else None
            rows.append(
                {"slot": slot.name, "choice": slot.choices[choice], "true": choice in slot.truths, "mean": mean, **at}
            )
    return rows


def noise(table: Table) -> dict[str, Any] | None:
    """Return how much screenings differ by their seed, against how much programs differ; None without replicates."""
    replicated = [found for _, found in sorted(table.replicates.items())]
    complete = [c for c in table.codes if replicated and all(found.get(c) is not None for found in replicated)]
    sets = np.array([[_loss(table, codes), *(found[codes] for found in replicated)] for codes in complete], np.float64)
    sets = sets[np.isfinite(sets).all(axis=1)] if len(sets) else sets  # [programs, replicates]
    if len(sets) < LEAST:
        return None
    centred = sets - sets.mean(axis=0)  # a seed that is better for all programs alike changes no comparison
    pairs = [correlation(sets[:, 0], sets[:, k]) for k in range(1, sets.shape[1])]
    within = centred - centred.mean(axis=1, keepdims=True)
    rows, columns = sets.shape
    residual = float(np.sqrt(np.square(within).sum() / ((rows - 1) * (columns - 1))))
    between = float(table.losses[np.isfinite(table.losses)].std(ddof=1))
    return {
        "programs": rows,
        "screenings of each": columns,
        "sd by seed": _rounded(residual),
        "sd between programs": _rounded(between),
        "ratio": round(residual / between, 4),
        "shift of the mean by seed": [_rounded(float(v)) for v in sets.mean(axis=0) - sets.mean()],
        "rank correlation with another seed": [None if c is None else c.to_json() for c in pairs],
    }


def atlas(table: Table, sealed: SealedTable) -> dict[str, Any]:
    """Return what short trainings say of long ones, and what either says of what the judge finds.

    Programs were judged because they were among the best tenth, or by chance; the correlations are given for all, and
    for those of the best tenth alone, where a search ends up. Where the last slot has several choices, which are stages
    of the space, they are also given for each of them, since over all programs they may be those of the stages.

    Args:
        table: the table.
        sealed: its judgements.
    """
    judged = sealed.judgements
    codes = [c for c in table.codes if c in table.full or c in judged]
    order = np.argsort(table.losses, kind="stable")[: max(1, len(table.codes) // 10)]
    tenth = {table.codes[int(k)] for k in order}
    groups = {"all": codes, "best tenth": [c for c in codes if c in tenth]}
    sizes = {"all": len(table.codes), "best tenth": len(tenth)}
    if len(stages := table.choices[-1]) > 1:
        names = {choice: table.slots[-1].choices[choice] for choice in stages}
        groups |= {f"with {names[k]}": [c for c in codes if c[-1] == k] for k in stages}
        sizes |= {f"with {names[k]}": sum(c[-1] == k for c in table.codes) for k in stages}
    found: dict[str, Any] = {"programs": {name: len(members) for name, members in groups.items()}, "of": sizes}
    for name, members in groups.items():
        values = {quantity: _quantity(table, members, quantity) for quantity in QUANTITIES}
        scores = {metric: _scores(sealed, members, metric) for metric in JUDGED}
        found[name] = {
            "screening and full training": _json(correlation(values["loss"], values["full loss"])),
            "with the judge": {
                quantity: {metric: _json(correlation(values[quantity], scores[metric])) for metric in JUDGED}
                for quantity in QUANTITIES
            },
        }
    found["judged"] = {
        name: {metric: _rounded_or_none(judged, c, metric) for metric in JUDGED} for name, c in _listed(table).items()
    }
    found["points"] = [
        {
            "codes": written(c),
            "loss": _rounded(_loss(table, c)),
            "full loss": None if (full := table.full.get(c)) is None else _rounded(full),
            "best tenth": c in tenth,
            "true": c in table.truths,
            **{metric: _rounded_or_none(judged, c, metric) for metric in JUDGED},
        }
        for c in codes
    ]
    return found


def _named(table: Table) -> dict[str, Codes]:
    return {"start": table.start, "truth": table.truth, "optimum": table.optimum}


def _listed(table: Table) -> dict[str, Codes]:
    """The named programs, and the others that can be the truth."""
    others = {}
    for codes in table.truths[1:]:
        parts = [
            f"{slot.name} {slot.choices[choice]}"
            for slot, choice, true in zip(table.slots, codes, table.truth, strict=True)
            if choice != true
        ]
        others[f"truth with {' and '.join(parts)}"] = codes
    return {**_named(table), **others}


def _place(table: Table, codes: Codes) -> dict[str, Any]:
    """A program's loss and rank by its screening, and its rank among those trained in full, if it was."""
    loss, full = _loss(table, codes), table.full.get(codes)
    known = [value for value in table.full.values() if value is not None]
    return {
        "codes": written(codes),
        "loss": _rounded(loss),
        "rank": 1 + int((table.losses < loss).sum()),
        "rank in full": None if full is None else 1 + sum(value < full for value in known),
    }


def _loss(table: Table, codes: Codes) -> float:
    return float(table.losses[table.number[codes]])


def _additive(table: Table) -> float:
    """The share of the variance of the log loss that a sum over the choices of all slots explains."""
    works = np.isfinite(table.losses)
    log = np.log(table.losses[works])
    codes = np.array(table.codes)[works]
    columns = [codes[:, k] == c for k, some in enumerate(table.choices) for c in some[1:]]
    design = np.column_stack([np.ones(len(codes)), *columns]).astype(np.float64)
    fitted = design @ np.linalg.lstsq(design, log, rcond=None)[0]
    return float(1 - np.square(log - fitted).sum() / np.square(log - log.mean()).sum())


def _quantity(table: Table, members: Sequence[Codes], name: str) -> Array:
    if name == "full loss":
        found = [table.full.get(codes) for codes in members]
    else:
        evaluations = [table.evaluations[table.number[codes]] for codes in members]
        if name == "loss":
            found = [e.loss for e in evaluations]
        elif name == "minus log likelihood":
            found = [None if e.log_likelihood is None else -e.log_likelihood for e in evaluations]
        else:
            found = [e.metrics.get(name) for e in evaluations]
    return np.array([np.nan if value is None else value for value in found])


def _scores(sealed: SealedTable, members: Sequence[Codes], metric: str) -> Array:
    rows = [sealed.judgements.get(codes) for codes in members]
    return np.array([np.nan if j is None or j.status != Status.OK else j.metrics.get(metric, np.nan) for j in rows])


def _rounded_or_none(judged: Mapping[Codes, Any], codes: Codes, metric: str) -> float | None:
    value = judged[codes].metrics.get(metric) if codes in judged else None
    return None if value is None else _rounded(value)


def _json(found: Correlation | None) -> dict[str, float] | None:
    return None if found is None else found.to_json()


def _rounded(value: float) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None
