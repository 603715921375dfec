import subprocess
import sys

import numpy as np
import pytest

from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.base.numerics import CPU
from zfbench.engine import processes
from zfbench.forecasting.contract import EXAMPLE
from zfbench.forecasting.fit import fit_program
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError
from zfbench.sandbox import bubblewrap, choose, devices, mounts, process
from zfbench.sandbox.bubblewrap import BubblewrapSandbox
from zfbench.sandbox.choose import VARIABLE, check_trust, open_sandbox
from zfbench.sandbox.process import ProcessSandbox

needs_bubblewrap = pytest.mark.skipif(bubblewrap.obstacle() is not None, reason=str(bubblewrap.obstacle()))


@pytest.fixture(autouse=True)
def no_choice(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


@needs_bubblewrap
def test_bubblewrap_is_taken_where_it_works():
    assert open_sandbox().name == "bubblewrap"


def test_an_argument_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv(VARIABLE, "nonsense")
    assert open_sandbox("process").name == "process"
    with pytest.raises(UnknownNameError, match="nonsense"):
        open_sandbox()


def test_without_bubblewrap_limits_are_what_is_left_and_one_line_says_so(monkeypatch):
    monkeypatch.setattr(bubblewrap, "obstacle", lambda: "bubblewrap is not installed")
    sandbox = open_sandbox()
    assert (sandbox.name, sandbox.confined) == ("process", False)
    assert "bubblewrap is not installed" in sandbox.notice
    assert "read your files" in sandbox.notice
    assert "\n" not in sandbox.notice
    with pytest.raises(ZfbenchError, match="does not work here: bubblewrap is not installed"):
        open_sandbox("bubblewrap")


def test_a_gpu_is_refused_in_one_sentence_where_it_cannot_be_given(monkeypatch, tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'gpu'"):
        open_sandbox("process", "gpus")
    monkeypatch.setattr(devices, "DRIVER", tmp_path / "nvidiactl")
    with pytest.raises(ZfbenchError, match="There is no GPU"):
        open_sandbox("process", "gpu")
    devices.DRIVER.touch()
    monkeypatch.setattr(bubblewrap, "obstacle", lambda: None)
    monkeypatch.setattr(choose, "gpu_obstacle", lambda: None)
    assert (open_sandbox(None, "gpu").name, open_sandbox(None, "gpu").device) == ("bubblewrap", "gpu")
    assert open_sandbox("process", "gpu").device == "gpu"
    assert open_sandbox("process").device == "cpu"


@pytest.fixture
def driver(monkeypatch, tmp_path):
    """A driver's device is there, and no clean process was asked yet."""
    monkeypatch.setattr(devices, "DRIVER", tmp_path)
    choose.gpu_obstacle.cache_clear()
    yield
    choose.gpu_obstacle.cache_clear()


@pytest.mark.usefixtures("driver")
def test_a_gpu_that_jax_cannot_use_is_refused_in_one_sentence_by_asking_a_clean_process(monkeypatch):
    monkeypatch.setitem(devices.PLATFORMS, "gpu", "no_such_platform")
    with pytest.raises(
        ZfbenchError, match=r"^JAX cannot compute on the GPU here \(.+no_such_platform.+--device cpu\.$"
    ):
        open_sandbox("process", "gpu")


@pytest.mark.usefixtures("driver")
def test_a_clean_process_that_computes_elsewhere_is_no_gpu(monkeypatch):
    monkeypatch.setitem(devices.PLATFORMS, "gpu", "cpu")
    with pytest.raises(ZfbenchError, match="it computes on the device 'cpu'"):
        open_sandbox("process", "gpu")


def test_the_users_choice_of_a_gpu_reaches_clean_processes_on_it_and_no_others(monkeypatch):
    for name in devices.CHOICES:
        monkeypatch.setenv(name, f"the user's {name}")
    for name in ("JAX_ENABLE_X64", "SECRET"):
        monkeypatch.setenv(name, "1")
    on_gpu, on_cpu = devices.environment("gpu"), devices.environment("cpu")
    assert {name: on_gpu[name] for name in devices.CHOICES} == {n: f"the user's {n}" for n in devices.CHOICES}
    assert on_gpu["JAX_DEFAULT_MATMUL_PRECISION"] == "highest"
    assert "deterministic" in on_gpu["XLA_FLAGS"]
    assert "deterministic" not in on_cpu["XLA_FLAGS"]
    assert on_cpu.keys().isdisjoint({*devices.CHOICES, "JAX_DEFAULT_MATMUL_PRECISION"})
    assert {*on_gpu, *on_cpu}.isdisjoint({"JAX_ENABLE_X64", "SECRET"})


def test_xla_knows_the_flags_of_a_gpu():
    """It ends a process that was given a flag that it does not know, whatever the device."""
    environment = devices.environment("gpu") | {"JAX_PLATFORMS": "cpu"}
    code = "import jax; print(jax.numpy.ones(2).sum())"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["2.0"], done.stderr


@pytest.mark.parametrize(
    "sandbox", [ProcessSandbox, pytest.param(BubblewrapSandbox, marks=needs_bubblewrap)], ids=["process", "bubblewrap"]
)
def test_a_program_that_is_traced_for_a_gpu_sees_nothing_of_the_users_choice(system, monkeypatch, sandbox):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    told = "(sorted(os.environ.items()), resource.getrlimit(resource.RLIMIT_NOFILE))"
    source = f"{EXAMPLE}\nimport os, resource\nraise LookupError({told})"
    with sandbox(device="gpu") as box, pytest.raises(CandidateError, match=r"\(64, 64\)") as caught:
        fit_program(source, system.unmasked, system.train, Limits(1, 60), 0, box)
    assert "('JAX_PLATFORMS', 'cpu')" in caught.value.message
    assert "CUDA" not in caught.value.message


@needs_bubblewrap
def test_the_sandbox_of_a_gpu_has_no_device_of_a_driver(system):
    source = f"{EXAMPLE}\nimport os\nraise LookupError(sorted(os.listdir('/dev')))"
    with BubblewrapSandbox("gpu") as box, pytest.raises(CandidateError, match="LookupError") as caught:
        fit_program(source, system.unmasked, system.train, Limits(1, 60), 0, box)
    assert "nvidia" not in caught.value.message
    assert "'null'" in caught.value.message


def test_what_was_traced_computes_on_the_device_of_the_sandbox(system, monkeypatch):
    asked = []
    start = processes.start_worker
    monkeypatch.setattr(
        processes, "start_worker", lambda module, device, *rest: asked.append(device) or start(module, CPU, *rest)
    )
    box = BubblewrapSandbox("gpu") if bubblewrap.obstacle() is None else ProcessSandbox(device="gpu")
    with box, fit_program(EXAMPLE, system.unmasked, system.train, Limits(1, 120), 0, box):
        assert asked == ["gpu"]


@pytest.mark.parametrize(("device", "files"), [("cpu", 64), ("gpu", 4096)])
def test_a_process_on_a_gpu_may_have_many_files_open(monkeypatch, device, files):
    given = []
    monkeypatch.setattr(process, "start_kept", lambda command, **_: given.append(command))
    monkeypatch.setattr(process, "Child", lambda *_: None)
    monkeypatch.setattr(process, "_ProcessGroup", lambda _: None)
    process.start_worker("module", device, None, 60)
    assert given[0][-2] == str(files)


@pytest.mark.parametrize(
    ("confined", "trusted", "allowed", "runs"),
    [
        (False, False, False, False),
        (False, False, True, True),
        (False, True, False, True),
        (True, False, False, True),
    ],
)
def test_programs_that_nobody_vouches_for_need_confinement_or_consent(confined, trusted, allowed, runs):
    sandbox = ProcessSandbox()
    sandbox.confined = confined
    if runs:
        check_trust(sandbox, "llm", trusted, allowed)
    else:
        with pytest.raises(ZfbenchError, match="--allow-unsafe-programs"):
            check_trust(sandbox, "llm", trusted, allowed)


@needs_bubblewrap
def test_both_backends_train_the_same_program(system):
    paths = []
    for name in ("process", "bubblewrap"):
        with (
            open_sandbox(name) as sandbox,
            fit_program(EXAMPLE, system.unmasked, system.train, Limits(3, 120), 5, sandbox) as fitted,
        ):
            paths.append(fitted.forecast(system.context, system.drive))
    np.testing.assert_array_equal(*paths)


def test_the_modules_in_the_sandbox_import_no_others_of_zfbench():
    """The worker must not need what holds the truth, nor may a module that does be listed."""
    imported = "import sys, zfbench.sandbox.pool, zfbench.forecasting.job, zfbench.simulators.job"
    code = f"{imported}; print(*(m for m in sys.modules if m.startswith('zfbench')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    needed = {name.removeprefix("zfbench").removeprefix(".") for name in done.stdout.split()}
    listed = {module.replace("/", ".").removesuffix("__init__").rstrip(".") for module in mounts.MODULES}
    assert needed == listed


@pytest.fixture
def fresh_trial(monkeypatch):
    """The trial of bubblewrap is made anew, and forgotten at the end."""
    bubblewrap.obstacle.cache_clear()
    yield
    bubblewrap.obstacle.cache_clear()


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("#!/bin/sh\nexec /bin/sleep 60\n", "bubblewrap hangs: it did not start a process within 0.2 s"),
        ("#!/bin/sh\necho no permission >&2\nexit 1\n", "bubblewrap fails, no permission"),
        ("not a program", "bubblewrap cannot be started (Exec format error)"),
    ],
    ids=["hangs", "fails", "no program"],
)
@pytest.mark.usefixtures("fresh_trial")
def test_a_bubblewrap_that_does_not_work_is_an_obstacle_with_its_reason(tmp_path, monkeypatch, script, sentence):
    (tmp_path / "bwrap").write_text(script)
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(bubblewrap, "TRIAL_SECONDS", 0.2 if "sleep" in script else 20.0)
    assert bubblewrap.obstacle() == sentence
    assert open_sandbox().name == "process"
    bubblewrap.obstacle.cache_clear()
    with pytest.raises(ZfbenchError, match="The sandbox 'bubblewrap' does not work here: bubblewrap"):
        open_sandbox("bubblewrap")
