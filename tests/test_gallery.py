"""Every script of the gallery runs and writes its picture; the search, which takes minutes, only when asked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

GALLERY = Path(__file__).parents[1] / "examples" / "gallery"
SHORT = {
    "watch_the_larva_swim": ("swim.gif", ["--seconds", "0.4"], b"GIF89a", []),
    "shortcut_against_mechanism": ("shortcut.png", [], b"\x89PNG", ["driven_mlp", "neuron_mlp_leak", "oracle"]),
    "silence_a_neuron": ("silence.png", [], b"\x89PNG", ["true circuit: silencing nMLF_L changes most", "linear: "]),
    "read_a_discovered_program": ("wiring.png", [], b"\x89PNG", ["class Model(nn.Module)", "wiring_true.png"]),
}
LONG = {
    "follow_a_search": (
        "search.png",
        ["--evaluations", "3", "--updates", "5", "--final-updates", "5"],
        b"\x89PNG",
        ["  0 seed", "<Result: puct + grammar on zfish-tiny/driven, seed 0, ok"],
    ),
}


def run(name, folder, case):
    picture, options, beginning, words = case
    done = subprocess.run(
        [sys.executable, GALLERY / f"{name}.py", "--out", folder / picture, *options],
        cwd=folder, capture_output=True, text=True, check=False, env=os.environ | {"MPLBACKEND": "agg"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (folder / picture).read_bytes().startswith(beginning)
    assert not [word for word in words if word not in done.stdout]


@pytest.mark.parametrize("name", SHORT)
def test_a_short_script_writes_its_picture(name, tmp_path, data_cache):
    run(name, tmp_path, SHORT[name])


@pytest.mark.parametrize("name", ["read_a_discovered_program", "shortcut_against_mechanism"])
def test_a_script_that_needs_results_finds_those_of_its_checkout_and_says_so_where_there_are_none(name, tmp_path):
    assert "zfbench.leaderboard.shipped" not in (GALLERY / f"{name}.py").read_text()  # an installed package has none
    (tmp_path / "none").mkdir()
    done = subprocess.run(
        [sys.executable, GALLERY / f"{name}.py", "--results", tmp_path / "none", "--out", tmp_path / "picture.png"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert f"{tmp_path / 'none'}" in done.stderr.splitlines()[-1]
    assert "ValueError" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_a_long_script_writes_its_picture(name, tmp_path, data_cache):
    run(name, tmp_path, LONG[name])


def test_every_script_is_run_and_listed():
    scripts = {path.stem for path in GALLERY.glob("*.py")}
    assert scripts == SHORT.keys() | LONG.keys()
    listed = (GALLERY / "README.md").read_text()
    assert not [name for name in scripts if f"`{name}.py`" not in listed]
