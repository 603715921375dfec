from __future__ import annotations

import ast
from pathlib import Path

from zfbench import scoring

FOLDER = Path(scoring.__file__).parent


def test_every_family_of_metrics_has_a_version():
    shared = {"__init__", "arrays", "blocks", "readings", "objective"}  # the last one is what searches minimise
    modules = {path.stem for path in FOLDER.glob("*.py")} - shared
    assert set(scoring.VERSIONS) == modules - {"concentration"} | {"population"}  # scores are named population/...
    assert all(isinstance(version, int) and version >= 1 for version in scoring.VERSIONS.values())


def test_scoring_imports_no_machinery():
    for path in FOLDER.glob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text()))
        modules = [n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)]
        ours = {module for module in modules if module.startswith("zfbench")}
        assert {m for m in ours if not m.startswith(("zfbench.base.", "zfbench.records.", "zfbench.scoring."))} == set()
