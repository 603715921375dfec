"""The page of the Python interface has a line for each public function: its arguments and its first sentence."""

import ast
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

import zfbench

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference.md"
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
    first, _, _ = PAGE.read_text(encoding="utf-8").partition("What plug-ins and their tests import besides")
    lines = re.findall(r"^\| `zfbench\..*$", first, re.MULTILINE)
    assert sorted(lines) == sorted(line(name, thing) for name, thing in public.items())


def stable():
    """The names of each module that the page calls stable."""
    rows = re.findall(r"^\| `(zfbench\.[\w.]+)` \| (`.*`) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {module: set(re.findall(r"`(\w+)`", names)) for module, names in rows}


def test_what_the_page_calls_stable_is_there():
    assert {"zfbench.testing", "zfbench.leaderboard.analyses.race", "zfbench.records.hints"} <= stable().keys()
    for module, names in stable().items():
        assert not [name for name in names if not hasattr(import_module(module), name)], module


def imports(code):
    """Module and name of everything that code imports from zfbench."""
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
    return {
        (node.module, alias.name) for node in nodes if node.module.split(".")[0] == "zfbench" for alias in node.names
    }


METHODS = ["README.md", "docs/table.md", *(f"docs/tutorials/your-{kind}.md" for kind in ("discoverer", "proposer"))]
METHODS += ["docs/tutorials/your-baseline.md", "docs/tutorials/submit-a-result.md"]


@pytest.mark.parametrize("document", METHODS)
def test_what_pages_for_authors_of_methods_import_is_called_stable(document):
    blocks = re.findall(
        r"^```python\n(.*?)^```", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    found = set().union(*map(imports, blocks)) - {("zfbench.discoverers.puct", "Puct")}  # which stands for the reader's
    assert not [(module, name) for module, name in found if name not in stable().get(module, ())]


def test_what_the_example_of_a_package_imports_is_called_stable():
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "examples" / "third_party").rglob("*.py")]
    found = set().union(*map(imports, sources))
    assert found
    assert not [(module, name) for module, name in found if name not in stable().get(module, ())]
