"""Checks of a result against the data of its task: errors of controls, candidates of the wiring, published numbers.

A skill is an error relative to that of a control, which anybody can compute from the sealed test. So a result that
halves its errors has to change its skills too, and one that changes both contradicts the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zfbench.forecasting.sealed import SealedTest
from zfbench.records.consistency import REPEATED
from zfbench.records.result import Result
from zfbench.scoring.connectivity import detect
from zfbench.scoring.forecast import score_forecast
from zfbench.scoring.headline import cross_group
from zfbench.scoring.source import CANARY_NOTE, table_share

ERROR = 10 * REPEATED  # difference of two skills, or two shares, that were computed from the same arrays


@dataclass(frozen=True)
class Decided:
    """The numbers that are the same in every result on one task.

    Attributes:
        references: for the name of each skill, the name of the error that it is made of and the control's error.
        metrics: scores that no method changes.
        constants: the system's published numbers.
        canary: the string that stands beside them.
    """

    references: Mapping[str, tuple[str, float]]
    metrics: Mapping[str, float]
    constants: NDArray[np.float64]
    canary: str


def decided(sealed: SealedTest) -> Decided:
    """Compute what the data decide."""
    references: dict[str, tuple[str, float]] = {}
    for split, windows in (("id", sealed.test), ("ood", sealed.ood)):
        target, last = windows.target, windows.inputs.context[:, -1:]
        score = score_forecast(
            np.broadcast_to(last, target.shape),
            target,
            np.broadcast_to(sealed.train_mean, target.shape),
            sealed.train_sd,
            windows.inputs.conditions,
            sealed.spec.groups,
        )
        prefix, of_last, of_mean = f"forecast/{split}", score.mae, score.control
        known = {"skill_last_value": ("mae", of_last.overall), "skill_mean": ("mae", of_mean.overall)}
        known |= {f"skill_last_value/group/{g}": (f"mae/group/{g}", e) for g, e in of_last.per_group.items()}
        references |= {f"{prefix}/{skill}": (f"{prefix}/{error}", e) for skill, (error, e) in known.items() if e}
    candidates = cross_group(sealed.spec.groups, sealed.spec.mask)
    control = detect(candidates.astype(np.float64), (sealed.wiring != 0) & candidates, candidates)
    parts = {"prevalence": control.prevalence, "control_lift": control.lift}
    same = {f"connectivity/cross/{name}": value for name, value in parts.items() if value is not None}
    return Decided(references, same, sealed.constants, sealed.canary)


def against_data(result: Result, known: Decided) -> Iterator[tuple[str, str]]:
    """Yield the field and a sentence's end for each score that contradicts the data."""
    metrics = result.metrics
    for skill, (error, reference) in known.references.items():
        if skill in metrics and error in metrics:
            expected = 1 - metrics[error] / reference
            if abs(metrics[skill] - expected) > ERROR * max(1.0, abs(expected)):
                yield f"metrics.{skill}", f"{metrics[skill]} is not that of its error on these data, {expected:.6g}"
    for name, value in known.metrics.items():
        if name in metrics and abs(metrics[name] - value) > ERROR:
            yield f"metrics.{name}", f"{metrics[name]} is not that of these data, {value:.6g}"
    if result.program is not None and result.status == "ok":
        yield from _against_source(result, result.program.source, known)


def _against_source(result: Result, source: str, known: Decided) -> Iterator[tuple[str, str]]:
    stated, share = result.metrics.get("source/table_share"), table_share(source, known.constants)
    if share is not None and (stated is None or abs(stated - share) > ERROR):
        yield "metrics.source/table_share", f"{stated} is not that of the program's text, {share:.6g}"
    if known.canary and known.canary in source and CANARY_NOTE not in result.notes:
        yield "notes", f"they do not say that {CANARY_NOTE}"
