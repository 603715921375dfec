"""Commands for data sets and the simulated larva itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zfbench.cli.console import activity, fail, when_stopped
from zfbench.cli.options import SeedOption, TierOption

data_app = typer.Typer(no_args_is_help=True, help="Build, check and look at the data sets.")
testbed_app = typer.Typer(no_args_is_help=True, help="Simulate and draw the larva.")


@data_app.command("build")
def data_build(
    tier: TierOption = "tiny",
    force: Annotated[bool, typer.Option(help="Build again even if there is a good copy.")] = False,
) -> None:
    """Compute the activity of all recordings from the shipped drive, and cache it."""
    from zfbench.testbed import data

    with (
        when_stopped("No data were written; repeat the command to build them from the beginning."),
        activity(f"data {tier}") as bar,
    ):
        dataset = data.build(tier, force=force, progress=bar.step)
    typer.echo(f"{dataset.folder}\ndata sha256 {dataset.sha256}")


@data_app.command("verify")
def data_verify(tier: TierOption = "tiny") -> None:
    """Check the cached data against the committed hashes and the true model f*."""
    from zfbench.testbed import data

    with activity(f"verify {tier}") as bar:
        checks = data.verify(tier, progress=bar.step)
    for check in checks:
        typer.echo(f"{'ok  ' if check.passed else 'FAIL'}  {check.what}: {check.detail}")
    if not all(check.passed for check in checks):
        fail(
            f"The data of tier {tier} are not the canonical ones. `zfbench data build --tier {tier} --force` rebuilds "
            "them; if that does not help, install zfbench again."
        )


@data_app.command("show")
def data_show(tier: TierOption = "tiny") -> None:
    """Describe a data set: conditions, lengths, hashes, size on disk."""
    from zfbench.testbed import data

    typer.echo(data.describe(tier))


@data_app.command("regenerate")
def data_regenerate(
    save: Annotated[
        Path | None, typer.Option(help="Also write the new recording into this file, as the shipped one was made.")
    ] = None,
) -> None:
    """Simulate the larvae again from their seeds, and compare with the shipped recording bit for bit.

    A closed loop with thresholds amplifies rounding, so another processor or library may produce another recording.
    This is no fault, since the benchmark uses the shipped drive in any case; the exit status is then 1.
    """
    from zfbench.testbed import data

    with activity("closed loop") as bar:
        report = data.regenerate(save=save, progress=bar.step)
    for line in report.lines:
        typer.echo(line)
    typer.echo(
        "This machine reproduces the shipped recording bit for bit."
        if report.identical
        else "This machine produces another recording; scores are unaffected, since they use the shipped drive."
    )
    if not report.identical:
        raise typer.Exit(1)


@testbed_app.command("show")
def draw_larva(
    condition: Annotated[str, typer.Option(help="inward, outward, left, right or forward.")] = "left",
    seconds: Annotated[float, typer.Option(min=1, max=600, help="Simulated seconds.")] = 10.0,
    seed: SeedOption = 0,
    out: Annotated[Path, typer.Option(help="Picture to write.")] = Path("larva.png"),
) -> None:
    """Simulate a larva and draw its path, tail, bouts, stimulus and neural activity (PNG)."""
    from zfbench.base.files import atomic_write
    from zfbench.testbed.larva import simulate
    from zfbench.testbed.published import published
    from zfbench.testbed.show import draw_recording

    with activity(f"larva, {condition}") as bar:
        bar.stage("simulate")
        recording = simulate(published(), condition, round(seconds * 1000), seed)
        bar.stage("draw")
        with atomic_write(out) as path:
            draw_recording(recording, path)
    typer.echo(str(out))
