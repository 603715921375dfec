"""Messages between the harness and a sandboxed process: a kind, JSON fields, and raw arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Frame:
    """One message.

    Attributes:
        kind: kind of the message.
        fields: JSON-compatible values.
        arrays: float32, bool or uint8 arrays by name.
    """

    kind: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    arrays: Arrays = field(default_factory=dict)
