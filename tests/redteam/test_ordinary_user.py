"""Run by root, the hostile programs to whose outcome the user matters are let loose a second time by an ordinary user.

To the kernel, root's programs own what root owns and may start as many tasks as they like; an ordinary user's may not,
and his namespaces are made in another way. So both runs are needed, and CI is root.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
FILES = ("tests/redteam/test_isolation.py", "tests/redteam/test_redteam.py")
CHOSEN = "isolation or reading or network or fork or memory or disk or killing or threads"  # files, families
LEAST = 80  # tests that are chosen
SECONDS = 280
PROBE = "from zfbench.sandbox import bubblewrap; import jax, pytest; print(bubblewrap.obstacle() or 'it works')"

pytestmark = [
    pytest.mark.timeout(SECONDS + 60),
    pytest.mark.skipif(os.getuid() != 0, reason="this run is an ordinary user's already"),
    pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv, by which root becomes a user, is missing"),
]


def closed(path: Path) -> Path | None:
    """The outermost folder on the way to a path that others may not enter; None if there is none."""
    return next((folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001), None)


def opened(paths: set[Path], hold: Path) -> list[str]:
    """Shell commands that show these paths in a private view of the files, whose closed folders hold nothing else.

    No mode of any file is changed, and no other process sees the view.
    """
    blocked = {path: folder for path in sorted(paths) if (folder := closed(path)) is not None}
    kept = {path: hold / str(number) for number, path in enumerate(blocked)}
    commands = [bound(path, at) for path, at in kept.items()]
    empty = ["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs"]
    commands += [shlex.join([*empty, str(folder)]) for folder in sorted(set(blocked.values()))]
    return [*commands, *(bound(at, path) for path, at in kept.items())]


def bound(source: Path, target: Path) -> str:
    """A shell command that shows one folder at the place of another, which is made."""
    return f"{shlex.join(['mkdir', '-p', str(target)])} && {shlex.join(['mount', '--bind', str(source), str(target)])}"


@pytest.fixture
def as_nobody():
    """Runs the interpreter of these tests as a user without rights, with a home and caches of his own."""
    with tempfile.TemporaryDirectory(prefix="zfbench-nobody-") as base:
        home, hold = Path(base) / "home", Path(base) / "hold"
        for folder in (home, hold):
            folder.mkdir()
        Path(base).chmod(0o755)
        os.chown(home, NOBODY, NOBODY)
        needed = {Path(p).resolve() for p in (sys.prefix, sys.base_prefix, ROOT)}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | {
            "HOME": str(home),
            "TMPDIR": str(home),
            "ZFBENCH_CACHE": str(home / "cache"),
            "NUMBA_CACHE_DIR": str(home / "numba"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        commands = opened(needed, hold)
        become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        if commands:
            script = " && ".join([*commands, f'cd {shlex.quote(str(ROOT))} && exec "$@"'])
            become = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *become]

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [*become, sys.executable, *arguments],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )

        yield run


def test_hostile_programs_gain_nothing_where_an_ordinary_user_runs_them(as_nobody):
    probe = as_nobody("-c", PROBE)
    if probe.returncode != 0 or probe.stdout.strip() != "it works":
        said = (probe.stdout.strip() if probe.returncode == 0 else probe.stderr.strip()).splitlines()
        pytest.skip(f"an ordinary user cannot run these tests here: {said[-1] if said else probe.returncode}")
    done = as_nobody("-m", "pytest", "-p", "no:cacheprovider", "-k", CHOSEN, *FILES)
    assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-2_000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= LEAST, done.stdout
    assert "skipped" not in done.stdout
