"""`zfbench table pack`: from the folder of outcomes to one file that searches may see, and one for the judge alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from zfbench.base.errors import ZfbenchError
from zfbench.protocols.space import Codes, Space
from zfbench.protocols.spec import Spec
from zfbench.runs.table import UPDATES, Outcome, Training, complete, head_of, outcomes, screenings
from zfbench.runs.table_judging import REPLICATES, Judged, in_full, judgements, metric_versions
from zfbench.tasks.zfish_table.family import folder_name, public_file, sealed_file
from zfbench.tasks.zfish_table.sealed import Judgement, SealedTable
from zfbench.tasks.zfish_table.table import Facts, Table

KEPT = ("headline/", "forecast/id/mae", "forecast/ood/mae")  # of the judge's scores: these, or those that begin so


def pack(
    folder: Path,
    spec: Spec,
    space: Space,
    to: Path,
    stages: Sequence[int] = (),
    updates: int = UPDATES,
    choices: Collection[int] = (),
) -> tuple[Path, Path]:
    """Write the two files of a table; the same outcomes give the same bytes.

    Args:
        folder: the folder of outcomes.
        spec: specification of the task that the programs were evaluated on.
        space: the programs.
        to: folder of the two files.
        stages: the wanted stages. By default all that are complete; if none is, the complete parts of the first stage
            that has some.
        updates: of the screenings that the table is to hold.
        choices: the wanted parts of every stage, by their choice of the last slot but one; none for all.

    Returns:
        The file that a search may see, and that of the judge.

    Raises:
        ZfbenchError: the folder holds no table of this space, a wanted stage is incomplete, or no part is complete.
        DamagedFileError: an outcome is damaged.
    """
    head = _head(folder, spec, space)
    wanted = screenings(space, space.stages, updates, choices)
    screened = {t.codes: o for t, o in outcomes(folder, space, wanted).items()}
    members = _members(folder, space, screened, stages, choices)
    ordered = sorted(codes for found in members.values() for codes in found)
    # All that there is: what was sampled and judged before further parts were complete counts too.
    repeated = outcomes(folder, space, [Training(codes, updates, k) for codes in ordered for k in REPLICATES])
    full = outcomes(folder, space, [in_full(codes) for codes in ordered])
    numbers = " ".join([*(f"--stage {number}" for number in members), *(f"--choice {c}" for c in sorted(choices))])
    facts = Facts(
        **{name: head[name] for name in ("task", "data_sha256", "benchmark_version", "space", "versions", "libraries")},
        seconds=head["seconds"],
        updates=updates,
        command=f"zfbench table build {head['task']} {numbers} --updates {updates}; "
        f"zfbench table pack table/{folder_name(head['task'])} {numbers} --updates {updates}",
        description=spec.description,
        contract=spec.contract,
        groups=spec.groups,
    )
    table = Table(
        facts,
        space.slots,
        {codes: space.source(codes) for codes in ordered},
        tuple(screened[codes].evaluation for codes in ordered),
        _by_replicate(repeated),
        {training.codes: outcome.evaluation.loss for training, outcome in full.items()},
    )
    public, sealed = public_file(to, head["task"]), sealed_file(to, head["task"])
    table.write(public)
    found = judgements(folder, space, ordered)
    SealedTable(table.sha256, metric_versions(folder, ordered), _kept(found)).write(sealed)
    return public, sealed


def _members(
    folder: Path,
    space: Space,
    screened: Mapping[Codes, Outcome],
    stages: Sequence[int],
    choices: Collection[int],
) -> dict[int, list[Codes]]:
    """Return the programs of the table by stage; together they are every combination of some choices of each slot."""
    found = {number: complete(space, number, screened) for number in stages or space.stages}
    sizes = {number: len(space.stage(number, choices)) for number in found}
    for number in stages:
        if missing := sum(codes not in screened for codes in space.stage(number, choices)):
            raise ZfbenchError(
                f"{missing} of the {sizes[number]} programs of stage {number} are not screened yet; run "
                "`zfbench table build` again before it is packed."
            )
    whole = {number: members for number, members in found.items() if len(members) == sizes[number]}
    begun = {number: members for number, members in found.items() if members}
    if not begun:
        raise ZfbenchError(f"{folder} holds no complete part of a stage; run `zfbench table build` again.")
    return whole or dict(list(begun.items())[:1])


def _by_replicate(repeated: Mapping[Training, Outcome]) -> dict[int, dict[Codes, float | None]]:
    found: dict[int, dict[Codes, float | None]] = {}
    for training, outcome in repeated.items():
        found.setdefault(training.replicate, {})[training.codes] = outcome.evaluation.loss
    return found


def _kept(found: Mapping[Codes, Judged]) -> dict[Codes, Judgement]:
    return {
        codes: Judgement(
            judged.status,
            {name: value for name, value in judged.metrics.items() if name.startswith(KEPT[0]) or name in KEPT},
            judged.notes,
        )
        for codes, judged in found.items()
    }


def _head(folder: Path, spec: Spec, space: Space) -> dict[str, Any]:
    head = head_of(folder)
    expected = {"task": spec.name, "space": space.name, "versions": dict(space.versions)}
    for key, value in expected.items():
        if head.get(key) != value:
            raise ZfbenchError(f"{folder} holds a table with {key} = {head.get(key)}, not {value}; build it anew.")
    return head
