"""The tables of docs/performance.md, from the committed figures alone."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from zfbench.forecasting.probes import IMPULSE_AMPLITUDES, IMPULSE_HORIZON, KICK_STEPS, PART, PROBE_CONTEXT, STATES
from zfbench.scoring.readings import OCTAVES
from zfbench.tasks.zfish.task import HORIZON

SIZES = len(OCTAVES) - 1  # of small kicks
ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "performance.md"
FIGURES = ROOT / "tests" / "benchmarks" / "results" / "performance.json"
DEVICES = tuple(sorted(FIGURES.parent.glob("device-*.json")))  # one for each device and form of the measurement
BLOCK = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def number(value: float | None) -> str:
    """Three significant digits, without an exponent."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}" if digits <= 4 else f"{value:.4f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown; the first column is text, the others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def pair(seconds: Sequence[float]) -> str:
    """Seconds of this process and of its children."""
    return " + ".join(f"{value:.2f}" for value in seconds)


def machine(content: Any) -> str:
    """What was measured, on what."""
    told = content["machine"]
    libraries = ", ".join(f"{name} {told['libraries'][name]}" for name in ("jax", "flax", "optax", "numpy"))
    parts = [part for part in content if "wall_seconds" in content[part]]
    loads = [load for part in parts for load in content[part]["load"]]
    minutes = sum(content[part]["wall_seconds"] for part in parts) / 60
    return (
        f"{told['processor']} ({told['features']}), {told['cores']} cores; {libraries}. The parts took "
        f"{minutes:.1f} minutes by the clock, under a load of {min(loads):.1f} to {max(loads):.1f}, the run included."
    )


def candidate(content: Any) -> str:
    """Stages of an evaluation."""
    part = content["candidate"]
    programs = part["programs"]
    stages = list(dict.fromkeys(s for p in programs.values() for s in p["new"] if s != "all"))
    head = [
        "processor seconds, parent + children",
        *(f"{name}, {kind}" for name in programs for kind in ("new", "again")),
    ]
    columns = [programs[name][kind] for name in programs for kind in ("new", "again")]
    rows = [[stage, *(pair(c[stage]) if stage in c else "-" for c in columns)] for stage in stages]
    rows.append(["all", *(pair(c["all"]) for c in columns)])
    note = (
        f"Sandbox `{part['sandbox']}`, {part['updates']} updates, medians of {part['repeats']}. A new clean process "
        f"takes another {number(part['start'])} s before its first program, once."
    )
    return f"{note}\n\n{table(head, rows)}"


def training(content: Any) -> str:
    """Parts of a first fit."""
    part = content["training"]
    names = list(part["programs"])
    kinds = list(dict.fromkeys(kind for name in names for kind in part["programs"][name]["parts"]))
    rows = [[kind, *(number(part["programs"][name]["parts"].get(kind)) for name in names)] for kind in kinds]
    rows.append(["first fit", *(number(part["programs"][name]["first"]) for name in names)])
    rows.append(["a fit when all is compiled", *(number(part["programs"][name]["compiled"]) for name in names)])
    return table([f"processor seconds, {part['updates']} updates", *names], rows)


def again(content: Any) -> str:
    """A new and an equal program against a compiled fit."""
    rows = []
    for name, runs in content["candidate"]["programs"].items():
        new, equal = (sum(runs[kind]["all"]) for kind in ("new", "again"))
        fit = content["training"]["programs"][name]["compiled"]
        rows.append([name, *map(number, (new, equal, fit, new / fit, equal / fit))])
    head = ["program", "new, s", "again, s", "compiled fit, s", "new / fit", "again / fit"]
    return table(head, rows)


def updates(content: Any) -> str:
    """Updates against the machine's matrix product."""
    part = content["training"]
    rows = [
        [name, phase, *map(number, (f["mflop"], f["us"], f["gflops"], f["share"]))]
        for name, program in part["programs"].items()
        for phase, f in program["phases"].items()
    ]
    told = ", ".join(f"{size}: {number(rate)}" for size, rate in part["sgemm"].items())
    head = ["program", "steps x batch", "MFLOP", "us an update", "GFLOP/s", "of the best sgemm"]
    return f"{table(head, rows)}\n\nsgemm on one core, GFLOP/s: {told}."


def peers(content: Any) -> str:
    """Others on the same work."""
    part = content["peers"]
    phases = [key for key in next(p for p in part["peers"].values() if len(p) > 2) if " x " in key]
    own = content["training"]["programs"].get(part["program"], {"phases": {}})["phases"]
    rows = []
    for name, found in part["peers"].items():
        each = [1e6 * found[phase] if phase in found else own.get(phase, {}).get("us") for phase in phases]
        rows.append([name, number(found["all"]), number(found["ratio"]), *map(number, each)])
    head = ["", f"{part['updates']} updates, s", "ratio to zfbench, in pairs", *(f"us an update, {p}" for p in phases)]
    skipped = "".join(f"\n\nSkipped: {name}, since {why}." for name, why in part["skipped"].items())
    return table(head, rows) + skipped


def populations(content: Any) -> str:
    """Seeds trained at once, against one after the other."""
    part = content["populations"]
    rows = [
        [name, R, *map(number, (found["alone"], found["batched"], found["ratio"])), str(found["pairs"])]
        for name, numbers in part["programs"].items()
        for R, found in numbers.items()
    ]
    head = [
        f"processor seconds of {part['updates']} updates, each seed",
        "seeds at once",
        "one after the other",
        "at once",
        "gain, in pairs",
        "pairs",
    ]
    return table(head, rows)


def judge(content: Any) -> str:
    """The judge by part."""
    programs = content["judge"]["programs"]
    columns = {f"{name}, {which}": found for name, runs in programs.items() for which, found in runs.items()}
    stages = list(dict.fromkeys(stage for found in columns.values() for stage in found))
    rows = [[stage, *(pair(found[stage]) for found in columns.values())] for stage in stages]
    rows.append(["all", *(pair([sum(f[s][side] for s in f) for side in (0, 1)]) for f in columns.values())])
    return table(["processor seconds, parent + children", *columns], rows)


def testbed(content: Any) -> str:
    """The larva."""
    part = content["testbed"]
    rows = [[name, number(value)] for name, value in part["loop"].items()]
    rows += [[f"f* over {batch} larvae, each", number(value)] for batch, value in part["batches"].items()]
    return table(["us per simulated ms, one core", ""], rows)


def search(content: Any) -> str:
    """Asks, tells and the event log."""
    part = content["search"]
    nodes = [str(n) for n in part["nodes"]]

    def cell(found: Sequence[float] | None) -> str:
        return "ended" if found is None else " / ".join(map(number, found))

    rows = [[name, *(cell(found[n]) for n in nodes)] for name, found in part["methods"].items()]
    asks = table(["ask / tell, us", *(f"{int(n):,} nodes" for n in nodes)], rows)
    log = [[kind, *(number(part["log"][n][kind]) for n in nodes)] for kind in part["log"][nodes[0]]]
    return f"{asks}\n\n{table(['ms a candidate', *(f'{int(n):,} nodes' for n in nodes)], log)}"


def growth(content: Any) -> str:
    """Cost against size, with exponents between the ends of each row."""
    part = content["growth"]
    rows = []

    def add(what: str, sizes: dict[str, Any], key: str) -> None:
        values = [point[key] for point in sizes.values()]
        ends = [int(size) for size in (min(sizes, key=int), max(sizes, key=int))]
        exponent = math.log(values[-1] / values[0]) / math.log(ends[1] / ends[0])
        rows.append(
            [what, *(" -> ".join(f"{int(s):,}" for s in sizes), " -> ".join(map(number, values))), f"{exponent:.2f}"]
        )

    for name, sizes in part["neurons"].items():
        for key in (*(k for k in next(iter(sizes.values())) if " x " in k),):
            add(f"neurons: {name}, ms an update, {key}", sizes, key)
        add(f"neurons: {name}, peak MB of training", sizes, "peak")
    add("neurons: judge, one size of kicks, s", part["probe"], "seconds")
    add("neurons: judge, one size of kicks, peak MB", part["probe"], "peak")
    for key in ("prepare", "1 x 256", "32 x 16", "peak"):
        what = {"prepare": "s to prepare recordings", "peak": "peak MB"}.get(key, f"ms an update, {key}")
        add(f"samples: driven_mlp, {what}", part["samples"], key)
    add("results: leaderboard, s", part["results"], "seconds")
    add("results: leaderboard, peak MB", part["results"], "peak")
    return table(["what grows", "sizes", "cost", "exponent"], rows)


def sizes(_: Any) -> str:
    """What the judge holds at once, from the numbers in the code."""
    S, C, T, A, L, H = STATES, PROBE_CONTEXT, KICK_STEPS, len(IMPULSE_AMPLITUDES), IMPULSE_HORIZON, HORIZON
    held: dict[str, Callable[[int], float]] = {
        f"kicks of one size, all at once: {S} x 2N x {C} x N float32": lambda N: 4 * S * 2 * N * C * N,
        f"probes as they are asked: at most about {PART / 2**20:.0f} MiB": lambda N: min(PART, 4 * S * 2 * N * C * N),
        f"answers to kicks: {SIZES} x {S} x {T} x N x N float64": lambda N: 8 * SIZES * S * T * N * N,
        f"impulse responses: {S} x N x {A} x {L} x N float64": lambda N: 8 * S * N * A * L * N,
        f"effects of holding: {S} x N x {H} x N float64": lambda N: 8 * S * N * H * N,
    }
    neurons = (54, 540, 5_400)
    rows = [[what, *(number(size(N) / 1e6) for N in neurons)] for what, size in held.items()]
    return table(["MB", *(f"{N:,} neurons" for N in neurons)], rows)


def earlier(content: Any) -> str:
    """Whole evaluations by an earlier commit and now, in turn."""
    rows = [
        [f"{name}, {kind}", *map(number, (f["before"], f["now"], f["ratio"])), str(f["pairs"])]
        for name, kinds in content["earlier"]["programs"].items()
        for kind, f in kinds.items()
    ]
    head = [
        "processor seconds of one evaluation",
        f"commit {content['earlier']['commit']}",
        "now",
        "before / now",
        "pairs",
    ]
    return table(head, rows)


def device(_: Any) -> str:
    """What was measured with the device's script, a table for each file."""
    return "\n\n".join(_device(json.loads(path.read_text(encoding="utf-8"))) for path in DEVICES)


def _device(content: Any) -> str:
    about = content["machine"]["figures"]["device"]
    form = "the small form, whose sizes say that every part runs and little else" if content["quick"] else "in full"
    kind = "a run on a processor, not on a GPU" if about["platform"] == "cpu" else "a run on a GPU"
    seconds = sum(part["seconds"] for part in content.values() if isinstance(part, dict))
    rows = [
        [
            *name.rsplit(", ", 1),
            *map(number, (found["candidates per second"], found["with compiling"], found["gflops"])),
        ]
        for name, found in content["batch"]["figures"].items()
        if isinstance(found, dict)
    ]
    head = ["program", "seeds at once", "candidates per second", "with compiling", "GFLOP/s"]
    clock = "processor seconds" if content["device"] == "cpu" else "seconds"
    return f"{about['kind']}, jax {about['jax']}: {kind}, {form}; {seconds:,.0f} {clock}.\n\n{table(head, rows)}"


BLOCKS: dict[str, Callable[[Any], str]] = {
    f.__name__: f
    for f in (
        *(machine, candidate, training, again, earlier, updates, peers, populations),
        *(judge, testbed, search, growth, sizes, device),
    )
}


def filled(page: str, content: Any) -> str:
    """The page with every block between its markers written anew."""
    return BLOCK.sub(lambda found: f"{found[1]}{BLOCKS[found[2]](content)}\n{found[3]}", page)


def write() -> None:
    """Write the page."""
    content = json.loads(FIGURES.read_text(encoding="utf-8"))
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), content), encoding="utf-8")
