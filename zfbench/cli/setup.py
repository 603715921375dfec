"""Objects made from options: sandbox, executor, settings, hints and limits."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from zfbench.base.errors import ZfbenchError
from zfbench.base.files import read_text
from zfbench.cli.console import console

if TYPE_CHECKING:
    from zfbench.protocols.executor import ExecutorFactory
    from zfbench.protocols.sandbox import Sandbox


def choose_sandbox(name: str | None, device: str) -> Sandbox:
    """Open the sandbox that was asked for, or the best one, and print what it does not protect from."""
    from zfbench.sandbox.choose import open_sandbox

    sandbox = open_sandbox(name, device)
    if sandbox.notice:
        console.print(sandbox.notice, markup=False, highlight=False, soft_wrap=True)
    return sandbox


def choose_executor(name: str | None, workers: int | None, ray_address: str | None) -> ExecutorFactory:
    """Return the maker of executors that the options name; without a name, serial for one worker and else processes.

    Args:
        name: registered name of the executor; None for the default.
        workers: number of workers; None if it was not given.
        ray_address: address of a Ray cluster; None if it was not given.

    Raises:
        UnknownNameError: there is no executor of that name.
        ZfbenchError: an address for an executor that has none.
    """
    from zfbench.base import plugins

    name = name or ("serial" if workers in (1, None) else "processes")
    factory: ExecutorFactory = plugins.load("executor", name)
    if ray_address is None:
        return factory
    if name != "ray":
        raise ZfbenchError(f"The executor {name} has no --ray-address; add --executor ray, or leave the address out.")
    return partial(factory, address=ray_address)


def read_settings(assignments: list[str]) -> dict[str, object]:
    """Read settings such as `tempering=true`; values are JSON, and text that is not JSON stays text.

    Raises:
        ZfbenchError: a text is not of the form NAME=VALUE.
    """
    settings: dict[str, object] = {}
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        if not separator:
            raise ZfbenchError(f"The setting '{assignment}' is not of the form NAME=VALUE.")
        try:
            settings[name] = json.loads(text)
        except json.JSONDecodeError:
            settings[name] = text
    return settings


def read_ideas(hints: list[str]) -> tuple[str, ...]:
    """Read ideas: texts as they are given, or the lines of a file for `@FILE`.

    Raises:
        ZfbenchError: a file cannot be read.
    """
    ideas: list[str] = []
    for hint in hints:
        if not hint.startswith("@"):
            ideas.append(hint)
            continue
        lines = read_text(Path(hint[1:]), "hints").split("\n")
        ideas.extend(line.strip() for line in lines if line.strip())
    return tuple(ideas)
