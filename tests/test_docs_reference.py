"""The page of the Python interface has a line for each public function: its arguments and its first sentence."""

import inspect
import re
from pathlib import Path

import zfbench

PAGE = Path(__file__).parents[1] / "docs" / "reference.md"
OPTIONAL = {"run": ("discoverer", "proposer"), "load_results": ("path",)}  # arguments that are shown all the same


def line(name, thing):
    """What the page has to say of a public name."""
    first = inspect.getdoc(thing).splitlines()[0]
    if inspect.isclass(thing):
        return f"| `zfbench.{name}` | {first} |"
    parameters = inspect.signature(thing).parameters.values()
    shown = [p.name for p in parameters if p.default is p.empty or p.name in OPTIONAL.get(name, ())]
    return f"| `zfbench.{name}({', '.join(shown)})` | {first} |"


def test_every_public_name_has_its_line():
    plots = {
        f"plot.{name}": thing
        for name, thing in vars(zfbench.plot).items()
        if inspect.isfunction(thing) and thing.__module__ == "zfbench.plot" and not name.startswith("_")
    }
    public = {name: getattr(zfbench, name) for name in zfbench.__all__ if name not in ("__version__", "plot")} | plots
    lines = re.findall(r"^\| `zfbench\..*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(lines) == sorted(line(name, thing) for name, thing in public.items())
