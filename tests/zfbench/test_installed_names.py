"""What an installation puts where: one package, which no folder or package of a user's can shadow."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = ("baselines", "discoverers", "leaderboard")  # of the repository; installed below zfbench


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The files of a wheel, built as an installer builds it, but without fetching the build backend."""
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("there is no source tree to build from")
    out = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", build, str(out)], cwd=ROOT, check=True, capture_output=True)
    (path,) = out.glob("*.whl")
    return path


def test_a_wheel_holds_one_package_with_all_of_ours_below_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    info = {top for top in tops if top.endswith(".dist-info")}
    assert len(info) == 1
    assert tops - info == {"zfbench"}
    for own in OWN:
        assert f"zfbench/{own}/__init__.py" in names
    assert len(names) == len(set(names))


def test_a_wheel_holds_what_the_package_reads_and_no_results(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert not [name for name in names if "results/" in name]
    wanted = {
        "zfbench/py.typed",
        "zfbench/leaderboard/site/templates/index.html",
        "zfbench/leaderboard/suites/tiny.toml",
        "zfbench/leaderboard/claims/drive-is-necessary.toml",
        "zfbench/discoverers/proposers/llm/prompts/propose.txt",
    }
    assert wanted <= names
    sources = {p.relative_to(ROOT).as_posix() for own in OWN for p in (ROOT / own).rglob("*.py")}
    assert {f"zfbench/{source}" for source in sources} <= names
    assert wheel.stat().st_size < 3 * 2**20  # the results alone would be as large again


def test_a_wheel_is_used_without_its_checkout(wheel, tmp_path):
    """The installed package finds its methods, suites and templates where the wheel put them."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    code = (
        "import zfbench\n"
        "from zfbench.base import plugins\n"
        "from zfbench.leaderboard.shipped import RESULTS, suite_path\n"
        "from zfbench.runs.suite import read_suite\n"
        "print(zfbench.__file__)\n"
        "print(plugins.load('baseline', 'linear').kind, RESULTS.exists(), bool(read_suite(suite_path('tiny'))))\n"
    )
    done = run(tmp_path, "-c", code, path=str(tmp_path / "installed"))
    place, loaded = done.stdout.splitlines()
    assert place.startswith(str(tmp_path / "installed"))
    assert loaded == "baseline False True"


def run(folder, *arguments, path="."):
    """Python in a folder, with that path before all others."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture
def repository(tmp_path):
    """A user's own repository with packages that are called as our folders are."""
    for name in OWN:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"MINE = {name!r}\n")
    return tmp_path


def test_a_users_own_packages_of_the_same_names_are_no_obstacle(repository):
    version = run(
        repository, "-c", "import sys; sys.argv = ['zfbench', '--version']; from zfbench.cli.app import main; main()"
    )
    assert version.stdout[0].isdigit()
    code = (
        "import baselines, discoverers, leaderboard\n"
        "from zfbench.base import plugins\n"
        "from zfbench.leaderboard.shipped import suite_names\n"
        "print(baselines.MINE, discoverers.MINE, leaderboard.MINE)\n"
        "print(plugins.load('baseline', 'linear').__module__, plugins.load('discoverer', 'puct').__module__)\n"
        "print('tiny' in suite_names())\n"
    )
    own, loaded, suites = run(repository, "-c", code).stdout.splitlines()
    assert own == "baselines discoverers leaderboard"
    assert loaded == "zfbench.baselines.linear zfbench.discoverers.puct"
    assert suites == "True"


def test_pytest_starts_there_with_the_plugin_for_claims(repository):
    (repository / "test_mine.py").write_text("import leaderboard\n\n\ndef test_mine():\n    assert leaderboard.MINE\n")
    assert "1 passed" in run(repository, "-m", "pytest", "-q", "-p", "no:cacheprovider").stdout
    assert "--zfbench-results" in run(repository, "-m", "pytest", "--help").stdout
