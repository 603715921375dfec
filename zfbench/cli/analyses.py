"""Commands that repeat the analysis of one paper on results or runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zfbench.base.errors import ZfbenchError


def mixtures(
    results: Annotated[Path, typer.Argument(help="Folder of results on mixtures.", metavar="RESULTS")],
    out: Annotated[Path, typer.Option(help="Folder for mixtures.md and mixtures.png.")] = Path("mixtures"),
    surrogate: Annotated[
        bool,
        typer.Option(
            help="Also list the errors of the neural likelihoods of all 20 models (takes minutes, then cached)."
        ),
    ] = False,
) -> None:
    """Compare how ModelSMC concentrates on the one true model of 20 with the published figures.

    Example: zfbench suite run mixtures --out mixtures/results; zfbench mixtures mixtures/results
    """
    from zfbench.base.files import write_text
    from zfbench.leaderboard.analyses import mixtures as analysis
    from zfbench.records.reading import load_folder

    found = [r for r in load_folder(results) if r.task.name.startswith("mixtures/") and r.status == "ok"]
    if not found:
        raise ZfbenchError(f"No result in {results} is of mixtures; `zfbench suite run mixtures` makes some.")
    text = analysis.summary(found)
    if surrogate:
        text += f"\n\nLog marginal likelihood of target 0's data:\n\n{analysis.surrogate_errors(0)}"
    typer.echo(text)
    write_text(out / "mixtures.md", text + "\n")
    analysis.draw(found, out / "mixtures.png")


def channels(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs on hodgkin_huxley.", metavar="RUN...")],
) -> None:
    """Print how strongly runs support each ion channel: posterior mass, and median and best evidence.

    Example: zfbench channels runs/hodgkin_huxley__modelsmc-channels__seed*
    """
    from zfbench.leaderboard.analyses.channels import table

    typer.echo(table(runs))
