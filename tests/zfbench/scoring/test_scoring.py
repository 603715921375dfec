from __future__ import annotations

import ast
from pathlib import Path

from zfbench import scoring

FOLDER = Path(scoring.__file__).parent


def test_every_family_of_metrics_has_a_version():
    shared = {"__init__", "arrays", "blocks", "readings"}
    modules = {path.stem for path in FOLDER.glob("*.py")} - shared
    assert set(scoring.VERSIONS) == modules - {"concentration"} | {"population"}  # scores are named population/...
    assert all(isinstance(version, int) and version >= 1 for version in scoring.VERSIONS.values())


def test_scoring_imports_nothing_of_zfbench_but_its_errors():
    for path in FOLDER.glob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text()))
        modules = [n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)]
        ours = {module for module in modules if module.startswith("zfbench")}
        allowed = {"zfbench.base.errors", "zfbench.scoring.arrays", "zfbench.scoring.blocks"}
        assert ours <= allowed | {"zfbench.scoring.connectivity"}, path.name
