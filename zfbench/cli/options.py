"""Options and arguments that several commands share, each with its help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

TaskOption = Annotated[str, typer.Option("--task", help="A task, for example zfish-tiny/masked; see `zfbench list`.")]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, max=2**32 - 1, help="Seed of all random draws; equal seeds give equal results.")
]
UpdatesOption = Annotated[int, typer.Option(min=1, help="Optimiser steps of the training that is judged.")]
SecondsOption = Annotated[float, typer.Option(min=1, help="Time limit of one training, compilation included.")]
BudgetOption = Annotated[
    list[str] | None,
    typer.Option(
        help="A limit of the search; repeatable: evaluations=20, updates=500 (optimiser steps of each candidate), "
        "device_seconds=3600, wall_seconds=3600, tokens=2000000, money=5 (only for a proposer with prices). "
        "Default: evaluations=20."
    ),
]
SandboxOption = Annotated[
    str | None,
    typer.Option(
        help="Where programs run: `bubblewrap` confines them, `process` only limits time and memory. Default: "
        "$ZFBENCH_SANDBOX, else bubblewrap where it works."
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        help="Where programs and networks compute: `cpu` or `gpu`; programs are traced on the CPU, in a sandbox."
    ),
]
BatchOption = Annotated[
    int,
    typer.Option(
        min=1,
        help="Replicates of one program that are trained at once: meant for a GPU, no gain on a CPU. Losses "
        "change by rounding.",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Number of candidates trained at once; a run with one worker is reproducible. Default: one "
        "without --executor, and else as many as the executor has room for.",
    ),
]
ExecutorOption = Annotated[
    str | None,
    typer.Option(
        "--executor",
        help="Where candidates are trained: serial, processes (one for each core) or ray. "
        "Default: serial for one worker, processes for more.",
    ),
]
RayAddressOption = Annotated[
    str | None,
    typer.Option(help="Address of a running Ray cluster, such as 10.0.0.5:6379; default: a cluster on this machine."),
]
SharedOption = Annotated[
    Path | None,
    typer.Option(
        "--shared",
        help="Folder of evaluations that searches share: equal programs are trained once, whoever proposes them, and "
        "count against each budget as before. Default: every search trains its own.",
    ),
]
UnsafeOption = Annotated[
    bool,
    typer.Option(
        "--allow-unsafe-programs",
        help="Run programs that a language model or an external system wrote, and that nobody has read, even in a "
        "sandbox that does not confine them.",
    ),
]
AllOption = Annotated[bool, typer.Option("--all", help="Print all scores, and not only the six main ones.")]
TierOption = Annotated[
    str, typer.Option("--tier", help="`tiny` (12 s of training data for each condition) or `standard` (80 s).")
]
FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Folder of the run; an interrupted run is continued there. Default: a folder in runs that is named after "
        "the task, the methods and the seed.",
    ),
]
RunArgument = Annotated[Path, typer.Argument(help="The folder of a run.", metavar="RUN")]
ResultsArgument = Annotated[
    Path | None,
    typer.Argument(help="A result file, or a folder of them; default: the published results.", metavar="RESULTS"),
]
ResultsArguments = Annotated[
    list[Path] | None,
    typer.Argument(help="Result files, or folders of them; default: the published results.", metavar="RESULTS"),
]
GridWorkersOption = Annotated[int, typer.Option("--workers", min=1, help="Number of runs measured at once.")]
