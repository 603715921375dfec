"""The command that checks an installation, and says how to repair what is missing."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from zfbench.cli.console import show_table
from zfbench.cli.options import TierOption

STYLES = {"ok": "green", "optional": "yellow", "broken": "red"}


def doctor(
    tier: TierOption = "tiny", as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Check versions, sandbox, devices, cache, data and extras, and say how to repair what is missing.

    Fails if something is broken that runs need; what is optional may be missing.
    """
    from zfbench.runs.health import checks

    found = checks(tier)
    broken = [check.topic for check in found if check.state == "broken"]
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in found], indent=1))
    else:
        table = Table(box=None, show_header=False, pad_edge=False)
        for overflow in ("fold", "fold", "fold"):
            table.add_column(overflow=overflow)
        for check in found:
            text = Text(check.found) + Text(f"\n-> {check.repair}" if check.repair else "")
            table.add_row(Text(check.state, style=STYLES[check.state]), Text(check.topic), text)
        show_table(table)
        typer.echo(f"\nBroken: {', '.join(broken)}." if broken else "\nNothing is broken.")
    if broken:
        raise typer.Exit(1)
