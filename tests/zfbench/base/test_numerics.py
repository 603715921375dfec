"""Whatever the shell or a notebook has set, equal seeds give equal numbers."""

import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from zfbench.base import numerics
from zfbench.base.errors import ZfbenchError
from zfbench.records.limits import Limits
from zfbench.records.reading import load
from zfbench.runs.judge import judge_baseline

HOSTILE = {
    "JAX_ENABLE_X64": "1",
    "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16",
    "JAX_DEFAULT_PRNG_IMPL": "rbg",
    "JAX_PLATFORMS": "cuda",
    "JAX_DEBUG_NANS": "1",
    "XLA_FLAGS": "--xla_cpu_enable_fast_math=true",
    "OMP_NUM_THREADS": "2",
    "OPENBLAS_NUM_THREADS": "2",
    "MPLBACKEND": "nonsense",
}
SUITE = """
results = "out"
limits = {updates = 2, seconds = 60}
[[block]]
tasks = ["zfish-tiny/driven"]
methods = ["nlinear-c4", "linear"]
seeds = [0]
"""


@pytest.fixture
def shell(tmp_path, data_cache):
    """Measures the suite with further environment variables, and returns its results."""

    def measure(name, **variables):
        (tmp_path / "s.toml").write_text(SUITE)
        code = "from zfbench.cli.app import main; main()"
        arguments = ["suite", "run", "s.toml", "--out", name]
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=tmp_path,
            env=os.environ | variables,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return [load(path) for path in sorted((tmp_path / name).glob("*.json"))]

    return measure


def test_the_shell_changes_no_baseline(shell):
    plain, hostile = shell("plain"), shell("hostile", **HOSTILE)
    assert len(plain) == 2
    for one, other in zip(plain, hostile, strict=True):
        assert one.comparable() == other.comparable()
        assert one.machine.unfixed == other.machine.unfixed == {}


@pytest.fixture
def notebook():
    """JAX as a notebook may have set it, before zfbench is called."""
    settings = {"enable_x64": True, "default_matmul_precision": "bfloat16", "default_prng_impl": "rbg"}
    before = {name: getattr(jax.config, f"jax_{name}") for name in settings}
    for name, value in settings.items():
        jax.config.update(f"jax_{name}", value)
    yield
    for name, value in before.items():
        jax.config.update(f"jax_{name}", value)


def test_a_notebook_changes_no_baseline(loaded_driven, request):
    plain = judge_baseline("nlinear-c4", loaded_driven, 0, Limits(updates=2))
    request.getfixturevalue("notebook")
    assert jax.numpy.arange(2.0).dtype == np.float64
    assert judge_baseline("nlinear-c4", loaded_driven, 0, Limits(updates=2)).comparable() == plain.comparable()
    assert jax.numpy.arange(2.0).dtype == np.float64  # the notebook's own settings are as they were


def test_without_a_processor_for_jax_there_is_one_sentence(monkeypatch):
    def none(platform):
        raise RuntimeError("Unknown backend cpu")

    monkeypatch.setattr(jax, "devices", none)
    sentence = r"Unknown backend cpu.*unset the environment variable JAX_PLATFORMS"
    with pytest.raises(ZfbenchError, match=sentence), numerics.fixed():
        pass


def test_what_was_read_before_it_could_be_fixed_is_recorded(monkeypatch, loaded_driven):
    for name in numerics.READ_ONCE:
        monkeypatch.setenv(name, numerics.ONE_THREAD[name])
    assert numerics.unfixed() == {}
    monkeypatch.setenv("XLA_FLAGS", "--fast")
    assert judge_baseline("last_value", loaded_driven, 0, Limits()).machine.unfixed == {"XLA_FLAGS": "--fast"}


def test_the_environment_of_the_command_line_holds_nothing_foreign(monkeypatch):
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("JAX_SOMETHING_NEW", "1")
    numerics.fix_environment()
    left = {name: value for name, value in os.environ.items() if name.startswith(numerics.FOREIGN)}
    assert left == {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}
    assert os.environ["MPLBACKEND"] == "agg"


def test_beside_a_gpu_the_processor_stays_the_default():
    code = "from zfbench.base import numerics; numerics.fix_environment(); numerics.show_gpu()"
    asked = (
        "import os; print(os.environ['JAX_PLATFORMS'], os.environ['XLA_PYTHON_CLIENT_PREALLOCATE'], numerics.unfixed())"
    )
    done = subprocess.run([sys.executable, "-c", f"{code}; {asked}"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["cpu,cuda", "false", "{}"]
