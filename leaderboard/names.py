"""The name of a method in tables: its own with its proposer's, and with the settings by which it differs."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

from zfbench.records.result import Result, to_json
from zfbench.search.budget import Budget
from zfbench.search.finals import default_finalists
from zfbench.search.loop import PATIENCE

LONGEST = 30  # largest number of characters of a setting in a method's name


def method_name(result: Result) -> str:
    """Return the method with its proposer, and with its settings if it has any.

    If several of discoverer, proposer and search have a setting of the same name, its owner is given too. Further
    things that identify a proposer are given like its settings if all are short, such as the family of a grammar's
    programs, and as one hash otherwise, such as the hashes of a language model's prompts.
    """
    method = result.method
    name = method.name if method.proposer is None else f"{method.name} + {method.proposer}"
    identity = method.proposer_identity
    short = len(to_json(identity)) <= LONGEST
    proposer = method.proposer_settings | (identity if short else {})
    owners = {"discoverer": method.settings, "proposer": proposer, "search": _options(result)}
    given = {(key, owner): value for owner, settings in owners.items() for key, value in settings.items()}
    count = Counter(key for key, _ in given)
    parts = [_setting(f"{owner} {key}" if count[key] > 1 else key, given[key, owner]) for key, owner in sorted(given)]
    if not short:
        parts.append(f"proposer {_hash(to_json(identity))}")
    return f"{name} ({', '.join(parts)})" if parts else name


def _options(result: Result) -> dict[str, Any]:
    """Return the options of a search that differ from the default."""
    options = result.search
    if options is None:
        return {}
    found: dict[str, Any] = {}
    if options.finalists != default_finalists(Budget.of(options.budget)):
        found["finalists"] = options.finalists
    if options.patience != PATIENCE:
        found["patience"] = options.patience
    if options.ideas:
        found["ideas"] = list(options.ideas)
    return found


def _setting(name: str, value: object) -> str:
    """Return a setting for people; a long one is replaced by a hash."""
    text = value if isinstance(value, str) else to_json(value)
    return f"{name} {_hash(text)}" if len(text) > LONGEST else f"{name}={text}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]
