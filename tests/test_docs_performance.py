"""The tables of docs/performance.md are those of the committed figures, and the measurements run."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BARE = """
import runpy, sys
for name in ("pydantic", "platformdirs", "jaxtyping", "beartype"):
    sys.modules[name] = None
sys.argv[1:] = {arguments!r}
runpy.run_module("tests.benchmarks.device", run_name="__main__", alter_sys=True)
"""


def run(*command):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "XLA_"))}
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def tables():
    """The module that writes the page's tables; the folder of tests is no package here."""
    file = ROOT / "tests" / "benchmarks" / "performance" / "tables.py"
    spec = importlib.util.spec_from_file_location("performance_tables", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_the_committed_figures(tables):
    page, content = tables.PAGE.read_text(encoding="utf-8"), json.loads(tables.FIGURES.read_text(encoding="utf-8"))
    assert {name for _, name, _ in tables.BLOCK.findall(page)} == set(tables.BLOCKS)
    assert tables.filled(page, content) == page, "run python -m tests.benchmarks.performance --write-docs"
    assert not content["machine"]["quick"]


@pytest.mark.usefixtures("data_cache")
def test_parts_that_are_measured_one_after_the_other_end_in_one_file(tmp_path):
    out = tmp_path / "figures.json"
    for part in ("training", "search"):
        run("-m", "tests.benchmarks.performance", "--out", str(out), "--quick", "--only", part)
    content = json.loads(out.read_text())
    assert content.keys() == {"training", "search", "machine"}
    (program,) = content["training"]["programs"].values()
    assert {"compile advance", "lower advance", "run advance", "run rollout", "the rest"} < program["parts"].keys()
    assert program["phases"].keys() == {"1 x 256", "32 x 16"}
    assert all(found["10"] and found["100"] for found in content["search"]["methods"].values())


@pytest.mark.usefixtures("data_cache")
def test_the_measurement_on_a_device_needs_no_package_that_a_bare_machine_lacks(tmp_path):
    out = tmp_path / "device.json"
    arguments = ["--device", "cpu", "--quick", "--out", str(out), "--only", "batch", "study"]
    run("-c", BARE.format(arguments=arguments))
    content = json.loads(out.read_text())
    assert content["missing"] == ["jaxtyping", "platformdirs"]
    assert not [part for part in ("batch", "study") if "ended" in content[part]]
    figures = content["batch"]["figures"]
    assert {name.split(", ")[1] for name, found in figures.items() if isinstance(found, dict)} == {"1", "2", "4"}
    assert figures["masked_leaky_sigmoid, seeds that fit into one batch"] > 4


def test_the_committed_figures_of_a_device_are_of_every_part(tables):
    for path in tables.DEVICES:
        content = json.loads(path.read_text(encoding="utf-8"))
        parts = {name: part for name, part in content.items() if isinstance(part, dict)}
        assert {"machine", "agreement", "batch", "product", "study", "precision", "reference"} == parts.keys()
        assert not [name for name, part in parts.items() if "ended" in part]
