"""The names of the tasks of the family `zfish`, and the parts that a name consists of.

A name says everything about a task: `zfish-tiny/masked`, `zfish/driven`, `zfish/driven@holdout:inward`. Tier `tiny`
trains on 12 s of each condition and `standard` (no suffix) on 80 s; both are validated and tested on the same later
stretches. The tracks are `autonomous` (no drive), `driven` (drive, no wiring) and `masked` (drive and the Boolean
wiring between groups).

The held-out condition is `outward`: `right` would be revealed by the mirror image of `left`, while `outward` is its own
mirror image. `holdout:left+right` adds the `forward` recording to training.

`zfish-tiny/masked@anonymous` is `zfish-tiny/masked` without a word by which the larva, its study or its neurons could
be recognised; a circuit other than the published one is always anonymous.

Searches minimise the group-balanced relative error (`zfbench.scoring.objective`). In `zfish-tiny/masked@plain_mae` they
minimise the mean absolute error over all neurons, as in the study after which the task is modelled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.records.recordings import BALANCED, PLAIN
from zfbench.testbed.data import CONDITIONS

TRACKS = ("autonomous", "driven", "masked")
TIERS = ("tiny", "standard")
MAIN_CONDITIONS = ("inward", "outward", "left", "right")
DEFAULT_HOLDOUT = ("outward",)
_NAME = re.compile(r"zfish(?:-(?P<tier>[a-z]+))?/(?P<track>[a-z]+)(?P<modifiers>(?:@[^@]+)*)")


@dataclass(frozen=True)
class ZfishName:
    """The parts of a task's name.

    Attributes:
        tier: `tiny` or `standard`.
        track: `autonomous`, `driven` or `masked`.
        circuit: name of the circuit.
        holdout: the conditions that are held out.
        anonymous: True if names are replaced by neutral ones.
        objective: the loss of searches, a key of `zfbench.records.recordings.OBJECTIVES`.
    """

    tier: str
    track: str
    circuit: str = "published"
    holdout: tuple[str, ...] = DEFAULT_HOLDOUT
    anonymous: bool = False
    objective: str = BALANCED

    def __str__(self) -> str:
        tier = "" if self.tier == "standard" else f"-{self.tier}"
        circuit = "" if self.circuit == "published" else f"@{self.circuit}"
        holdout = "" if self.holdout == DEFAULT_HOLDOUT else f"@holdout:{'+'.join(self.holdout)}"
        anonymous = "@anonymous" if self.anonymous else ""
        objective = "" if self.objective == BALANCED else f"@{self.objective}"
        return f"zfish{tier}/{self.track}{circuit}{holdout}{anonymous}{objective}"

    @classmethod
    def parse(cls, name: str) -> ZfishName:
        """Read a name.

        Raises:
            UnknownNameError: there is no such task, tier, track or condition; the nearest known one is suggested.
            ZfbenchError: a part occurs twice, or no condition is left to train on.
        """
        match = _NAME.fullmatch(name)
        if match is None:
            raise UnknownNameError("task", name, canonical_names())
        tier, track = match["tier"] or "standard", match["track"]
        if tier not in TIERS or track not in TRACKS:
            raise UnknownNameError("task", name, canonical_names())
        circuit, holdout, anonymous, objective = "published", DEFAULT_HOLDOUT, False, BALANCED
        modifiers = match["modifiers"].split("@")[1:]
        kinds = [_kind(modifier) for modifier in modifiers]
        for kind in kinds:
            if kinds.count(kind) > 1:
                raise ZfbenchError(
                    f"The task '{name}' has {kinds.count(kind)} parts of the kind {kind}; a name has at most one "
                    f"circuit, one holdout:CONDITION, one anonymous and one {PLAIN}."
                )
        for modifier in modifiers:
            if modifier.startswith("holdout:"):
                holdout = tuple(sorted(modifier.removeprefix("holdout:").split("+")))
                for condition in holdout:
                    if condition not in MAIN_CONDITIONS:
                        raise UnknownNameError("condition", condition, MAIN_CONDITIONS)
            elif modifier == "anonymous":
                anonymous = True
            elif modifier == PLAIN:
                objective = PLAIN
            else:
                circuit = modifier
        if len(set(holdout)) != len(holdout) or len(holdout) >= len(MAIN_CONDITIONS):
            raise ZfbenchError(
                f"The task '{name}' has to name each held-out condition once, and to leave at least one of "
                f"{', '.join(MAIN_CONDITIONS)} to train on."
            )
        return cls(tier, track, circuit, holdout, anonymous, objective)

    @property
    def trained(self) -> tuple[str, ...]:
        """The conditions to train on; `forward` is added when both asymmetric ones are held out."""
        kept = tuple(c for c in MAIN_CONDITIONS if c not in self.holdout)
        return (*kept, "forward") if {"left", "right"} <= set(self.holdout) else kept

    @property
    def uses_neutral_names(self) -> bool:
        """True if names are replaced by neutral ones.

        On another circuit they always are, so that knowing a publication by heart gives no advantage.
        """
        return self.anonymous or self.circuit != "published"

    def display_name(self, condition: str) -> str:
        """Return the name of a condition that methods see."""
        return f"condition{CONDITIONS.index(condition) + 1}" if self.uses_neutral_names else condition


def _kind(modifier: str) -> str:
    """Which part of a name a modifier is."""
    if modifier in ("anonymous", PLAIN):
        return modifier
    return "holdout" if modifier.startswith("holdout:") else "circuit"


def canonical_names() -> tuple[str, ...]:
    """Return the names of the tasks on the published circuit with the default held-out condition."""
    return tuple(str(ZfishName(tier, track)) for tier in TIERS for track in TRACKS)
