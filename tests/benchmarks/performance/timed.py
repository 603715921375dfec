"""Compiled functions that keep account: seconds to trace and lower, to compile, and to run, by name and call."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import jax


@dataclass
class Account:
    """What a set of functions has cost, in processor seconds.

    Attributes:
        lowered, compiled: by name.
        runs: by name, of each call; waiting for the result included.
    """

    lowered: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    compiled: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    runs: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def clear(self) -> None:
        """Forget everything."""
        for table in vars(self).values():
            table.clear()


class Timed:
    """Stands for `jax.jit(function)`; compiled ahead of time for each set of shapes."""

    def __init__(self, function: Callable[..., Any], account: Account, options: dict[str, Any]) -> None:
        self._name = function.__name__
        self._jitted = jax.jit(function, **options)
        self._account = account
        self._compiled: dict[Any, Any] = {}

    def lower(self, *arguments: Any) -> Any:
        """As of what `jax.jit` returns; not accounted."""
        return self._jitted.lower(*arguments)

    def __call__(self, *arguments: Any) -> Any:
        leaves, tree = jax.tree.flatten(arguments)
        shapes = tree, tuple((jax.typeof(leaf).shape, jax.typeof(leaf).dtype) for leaf in leaves)
        if shapes not in self._compiled:
            began = time.process_time()
            lowered = self._jitted.lower(*arguments)
            between = time.process_time()
            self._compiled[shapes] = lowered.compile()
            self._account.lowered[self._name] += between - began
            self._account.compiled[self._name] += time.process_time() - between
        began = time.process_time()
        result = jax.block_until_ready(self._compiled[shapes](*arguments))
        self._account.runs[self._name].append(time.process_time() - began)
        return result


@contextmanager
def accounted() -> Iterator[Account]:
    """Every `jax.jit(...)` that is made inside keeps account, for as long as it lives."""
    account, plain = Account(), jax.jit

    def timed(function: Callable[..., Any] | None = None, **options: Any) -> Any:
        if function is None:
            return lambda given: timed(given, **options)
        with patch.object(jax, "jit", plain):
            return Timed(function, account, options)

    with patch.object(jax, "jit", timed):
        yield account
