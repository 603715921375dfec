"""The task `zfish`: forecast the larva's 54 neurons, and find how they are wired.

A name says everything: `zfish-tiny/masked`, `zfish/driven`, `zfish/driven@holdout:inward`. Tier `tiny` trains on 12 s
a condition and `standard` (no suffix) on 80 s; both are validated and tested on the same later stretches. Tracks:
`autonomous` (no drive), `driven` (drive, no wiring) and `masked` (drive and the Boolean wiring between groups).

The held-out condition is `outward`: the mirror image of `left` gives `right` away, while `outward` is its own mirror
image. `holdout:left+right` adds the `forward` recording to training.

`zfish-tiny/masked@anonymous` is `zfish-tiny/masked` without a word by which the larva, its study or its neurons could
be recognised; a circuit that is not the published one never has them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.testbed.data import CONDITIONS

TRACKS = ("autonomous", "driven", "masked")
TIERS = ("tiny", "standard")
MAIN_CONDITIONS = ("inward", "outward", "left", "right")
DEFAULT_HOLDOUT = ("outward",)
_NAME = re.compile(r"zfish(?:-(?P<tier>[a-z]+))?/(?P<track>[a-z]+)(?P<modifiers>(?:@[^@]+)*)")


@dataclass(frozen=True)
class ZfishName:
    """The parts of a task's name."""

    tier: str
    track: str
    circuit: str = "published"
    holdout: tuple[str, ...] = DEFAULT_HOLDOUT
    anonymous: bool = False

    def __str__(self) -> str:
        tier = "" if self.tier == "standard" else f"-{self.tier}"
        circuit = "" if self.circuit == "published" else f"@{self.circuit}"
        holdout = "" if self.holdout == DEFAULT_HOLDOUT else f"@holdout:{'+'.join(self.holdout)}"
        anonymous = "@anonymous" if self.anonymous else ""
        return f"zfish{tier}/{self.track}{circuit}{holdout}{anonymous}"

    @classmethod
    def parse(cls, name: str) -> ZfishName:
        """Read a name.

        Raises:
            UnknownNameError: no such task, tier, track or condition; names the nearest known one.
        """
        match = _NAME.fullmatch(name)
        if match is None:
            raise UnknownNameError("task", name, canonical_names())
        tier, track = match["tier"] or "standard", match["track"]
        if tier not in TIERS or track not in TRACKS:
            raise UnknownNameError("task", name, canonical_names())
        circuit, holdout, anonymous = "published", DEFAULT_HOLDOUT, False
        modifiers = match["modifiers"].split("@")[1:]
        kinds = [m if m == "anonymous" else "holdout" if m.startswith("holdout:") else "circuit" for m in modifiers]
        for kind in kinds:
            if kinds.count(kind) > 1:
                raise ZfbenchError(
                    f"The task '{name}' names {kinds.count(kind)} of the kind {kind}; a name has at most one circuit, "
                    "one holdout:CONDITION and one anonymous."
                )
        for modifier in modifiers:
            if modifier.startswith("holdout:"):
                holdout = tuple(sorted(modifier.removeprefix("holdout:").split("+")))
                for condition in holdout:
                    if condition not in MAIN_CONDITIONS:
                        raise UnknownNameError("condition", condition, MAIN_CONDITIONS)
            elif modifier == "anonymous":
                anonymous = True
            else:
                circuit = modifier
        if len(set(holdout)) != len(holdout) or len(holdout) >= len(MAIN_CONDITIONS):
            raise ZfbenchError(f"The task '{name}' holds out {len(holdout)} conditions; name each once and leave one.")
        return cls(tier, track, circuit, holdout, anonymous)

    @property
    def trained(self) -> tuple[str, ...]:
        """Conditions to train on; `forward` stands in when both asymmetric ones are held out."""
        kept = tuple(c for c in MAIN_CONDITIONS if c not in self.holdout)
        return (*kept, "forward") if {"left", "right"} <= set(self.holdout) else kept

    @property
    def nameless(self) -> bool:
        """Whether names are neutral: whoever remembers a publication must gain nothing on another circuit."""
        return self.anonymous or self.circuit != "published"

    def shown(self, condition: str) -> str:
        """What a condition is called before methods."""
        return f"condition{CONDITIONS.index(condition) + 1}" if self.nameless else condition


def canonical_names() -> tuple[str, ...]:
    """The tasks on the published circuit with the default held-out condition."""
    return tuple(str(ZfishName(tier, track)) for tier in TIERS for track in TRACKS)
