import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import zfbench.baselines.programs
from zfbench.base.errors import ZfbenchError
from zfbench.engine import processes
from zfbench.forecasting.contract import EXAMPLE
from zfbench.forecasting.fit import fit_program, recordings_job
from zfbench.protocols.models import Forecaster, Simulator
from zfbench.records.clamp import Clamp
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Status
from zfbench.records.recordings import Recording
from zfbench.sandbox.choose import VARIABLE
from zfbench.sandbox.devices import environment
from zfbench.sandbox.process import OUTPUT_LIMIT, ProcessSandbox, Transcript

pytestmark = pytest.mark.usefixtures("process_backend")
GIB = 2**30
PROGRAM = """\
import os
import flax.linen as nn
import jax
import jax.numpy as jnp
{top}

class Model(nn.Module):
    spec: object

    def initial_state(self, batch):
        return ()

    @nn.compact
    def __call__(self, state, activity, drive):
        rate = self.param("rate", nn.initializers.zeros, (activity.shape[1],))
        following = activity * (1 - rate)
        {step}
        return state, following
"""


PARENT = """
import time
from zfbench.forecasting.fit import tracing_job
from zfbench.records.limits import Limits
from zfbench.records.recordings import TaskSpec
from zfbench.sandbox.process import ProcessSandbox

loop = "import itertools, os\\nopen({path!r}, 'w').write(str(os.getpid()) + chr(10))\\n{loop}"
spec = TaskSpec("t", "", "", 1.0, 8, 4, ("u",), ("g",), ())
child = ProcessSandbox().spawn(Limits(memory_bytes=2**32))
child.send(tracing_job(loop, spec), time.monotonic() + 60, "tracing")
time.sleep(60)
"""


FORGERY = """
for descriptor in range(3, 64):
    try:
        os.write(descriptor, b"x" * 64)
    except OSError:
        pass
"""


@pytest.fixture(scope="module")
def process_backend():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, "process")
        yield


def program(top: str = "", step: str = "pass") -> str:
    return PROGRAM.format(top=top, step=step)


def failure(system, source: str, limits: Limits | None = None) -> CandidateError:
    with pytest.raises(CandidateError) as caught:
        fit_program(source, system.unmasked, system.train, limits or Limits(updates=2, seconds=60), 0).close()
    return caught.value


def predict(system, source: str, updates: int, seed: int) -> np.ndarray:
    with fit_program(source, system.spec, system.train, Limits(updates, seconds=120), seed) as fitted:
        return fitted.forecast(system.context, system.drive)


def test_the_trainer_recovers_a_leaky_sigmoid_system(system):
    source = zfbench.baselines.programs.source("masked_leaky_sigmoid")
    predicted = predict(system, source, 800, seed=0)
    error = np.abs(predicted - system.target).mean()
    persistence = np.abs(system.context[:, -1:] - system.target).mean()
    assert error < 0.1 * persistence


def test_the_same_seed_gives_the_same_predictions_in_another_process(system):
    source = EXAMPLE.replace("curriculum", "one_step")
    first, again, other = (predict(system, source, 4, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-4


@pytest.fixture(scope="module")
def memory(system, process_backend):
    """A program with hidden state that doubles what it last saw, and prints a lot."""
    top = "print('hello ' * 200_000)\nprint(sorted(os.environ), 'bye')"
    source = program(top).replace("return ()", "return jnp.ones((batch, 6))")
    source = source.replace("return state, following", "return 0.5 * state + activity, following + 0.1 * state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZFBENCH_TEST_SECRET", "1")
        fitted = fit_program(source, system.unmasked, system.train, Limits(updates=1, seconds=120), 0)
    with fitted:
        yield fitted


def test_a_fitted_program_is_a_simulator_and_reports_its_training(memory):
    assert isinstance(memory, Simulator)
    assert not isinstance(memory, Forecaster)  # it cannot be fitted again
    assert (memory.report.updates, memory.report.recurrent, memory.report.parameters) == (1, True, 6)


def test_rows_do_not_depend_on_the_size_of_the_request(system, memory):
    context, drive = np.tile(system.context, (4, 1, 1)), np.tile(system.drive, (4, 1, 1))  # 160 rows, 3 calls
    many = memory.forecast(context, drive)
    assert many.shape == (160, 32, 6)
    np.testing.assert_array_equal(many[120:], many[:40])
    np.testing.assert_allclose(memory.forecast(context[7:8], drive[7:8])[0], many[7], rtol=1e-6)


def test_clamped_neurons_are_held_and_the_others_run(system, memory):
    mask = np.zeros((40, 6), bool)
    mask[:, 2] = True
    clamp = Clamp(mask, np.full((40, 6), 0.25, np.float32))
    free, held = (
        memory.forecast(system.context, system.drive),
        memory.rollout(system.context, system.drive, clamp),
    )
    assert (held[:, :, 2] == 0.25).all()
    np.testing.assert_array_equal(held[:, :, [0, 1, 3, 4, 5]], free[:, :, [0, 1, 3, 4, 5]])
    np.testing.assert_array_equal(memory.rollout(system.context, system.drive), free)


def test_clamped_neurons_follow_a_course(system, memory):
    mask, course = np.zeros((40, 6), bool), np.random.default_rng(0).random((40, 32, 6), np.float32)
    mask[3, 2] = True
    path = memory.rollout(system.context, system.drive, Clamp(mask, course))
    np.testing.assert_array_equal(path[3, :, 2], course[3, :, 2])
    np.testing.assert_array_equal(path[4:], memory.forecast(system.context, system.drive)[4:])


def test_hidden_state_is_warmed_up_on_the_context(system, memory):
    context = system.context.copy()
    context[:, 0] += 0.5
    moved = memory.forecast(context, system.drive) - memory.forecast(system.context, system.drive)
    assert (np.abs(moved[:, 0]) > 1e-6).all()


def test_the_child_sees_no_environment_of_its_parent(memory):
    names = set(re.findall(r"'(\w+)'", memory.stdout.rpartition("[")[2]))
    assert names >= environment("cpu").keys()
    assert names.isdisjoint({"ZFBENCH_TEST_SECRET", "PATH", "HOME"})


def test_a_flood_of_output_is_drained_and_kept_short(memory):
    assert memory.stdout.startswith("hello hello")
    assert memory.stdout.endswith("bye\n")
    assert len(memory.stdout) < 2 * OUTPUT_LIMIT + 100


@pytest.mark.parametrize("wrong", ["context", "horizon", "rows", "channels", "clamp"])
def test_arguments_that_do_not_fit_are_the_callers_error_and_the_program_lives_on(system, memory, wrong):
    context, drive, clamp = system.context, system.drive, None
    match wrong:
        case "context":
            context = context[:, :, :5]
        case "horizon":
            drive = drive[:, :8]
        case "rows":
            drive = drive[:-1]
        case "channels":
            drive = drive[:, :, :2]
        case "clamp":
            clamp = Clamp(np.zeros((1, 6), bool), np.zeros((1, 6), np.float32))
    with pytest.raises(ZfbenchError, match="expected") as caught:
        memory.rollout(context, drive, clamp)
    assert not isinstance(caught.value, CandidateError)
    memory.forecast(system.context[:1], system.drive[:1])


@pytest.mark.parametrize(
    ("source", "status", "said"),
    [
        ("def f(:\n", Status.INVALID, "line 1"),
        ("Model = 3", Status.INVALID, "class `Model`"),
        (program("training = dict(los='rollout')"), Status.INVALID, "did you mean 'loss'"),
        (program().replace("(nn.Module)", ""), Status.INVALID, "subclass"),
        (program().replace("spec: object", "size: int = 3"), Status.INVALID, "`spec`"),
        (program(step="following = following[:, 1:]"), Status.INVALID, r"\[3, 6\], got float32\[3, 5\]"),
        (program(top="1 / 0"), Status.ERROR, r"ZeroDivisionError at line 5 of the source \(`1 / 0`\)"),
        (program(step="drive @ activity"), Status.ERROR, r"TypeError at line 17 .*`drive @ activity`.*"),
        (program(step="following = following * jnp.nan"), Status.NON_FINITE, "non-finite"),
        (program(top="raise SystemExit(3)"), Status.ERROR, r"sys.exit\(3\)"),
        (program(top="os._exit(3)"), Status.ERROR, "exited with code 3"),
        (program(top="os.abort()"), Status.ERROR, "signal 6"),
        (program(top="os.closerange(3, 1000)\nwhile True: pass"), Status.ERROR, "closed"),
        (program(top=FORGERY), Status.ERROR, "damaged message"),
        (program(top="import numpy\nnumpy.ones(2**40)"), Status.OUT_OF_MEMORY, "line 6"),
        (
            program(step="following += jnp.sort(jnp.arange(2**31) + activity[0, 0])[0]"),
            Status.OUT_OF_MEMORY,
            "memory",
        ),
    ],
)
def test_a_failing_program_ends_with_its_status_and_leaves_no_process(system, running, source, status, said):
    error = failure(system, source, Limits(updates=2, seconds=60, memory_bytes=4 * GIB))
    assert error.status is status
    assert re.search(said, error.message), error.message
    assert not running("zfbench.sandbox.worker")


@pytest.mark.parametrize(
    "source",
    [
        program(top="while True: pass"),
        program(top="import subprocess\nsubprocess.Popen(['sleep', '98765.4'])\nwhile True: print('x' * 10_000)"),
        program(top="jax.lax.while_loop(lambda x: x > -1, lambda x: x + 1e-9, 0.0)"),
        program(step="following = jax.lax.fori_loop(0, 200_000, lambda i, f: jnp.tanh(f + 1e-9 * i), following)"),
    ],
    ids=["at import", "printing, with a child", "inside jit", "in the clean process"],
)
def test_an_endless_program_is_killed_at_its_deadline_with_its_children(system, running, source):
    error = failure(system, source, Limits(updates=2, seconds=4))
    assert error.status is Status.TIMEOUT
    assert not running("zfbench.sandbox.worker")
    assert not running("98765.4")
    assert not running("zfbench.engine.worker")


@pytest.mark.parametrize(
    "loop",
    [
        "while True: pass",
        pytest.param(
            "sum(itertools.repeat(0))",  # holds the interpreter's lock for ever, so that no thread of the worker runs
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills children of a dead parent"),
        ),
    ],
)
def test_a_busy_worker_dies_with_its_parent(tmp_path, loop):
    """The parent is killed, so nothing in it can end the worker, which ignores its pipe in an endless loop."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(path=str(tmp_path / "pid"), loop=loop)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        worker = int(_eventually((tmp_path / "pid").read_text, lambda text: text.endswith("\n")))
        time.sleep(0.2)  # until the loop has begun
    finally:
        parent.kill()
        parent.wait()
    _eventually(Path(f"/proc/{worker}/stat").read_text, lambda text: text.rpartition(")")[2].split()[0] == "Z", "Z")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills children of a dead parent")
def test_a_worker_whose_parent_is_gone_already_ends_at_once():
    code = "from zfbench.sandbox.confinement import die_with; die_with({parent}); print('lives on')"

    def lives_on(parent: int) -> bool:
        command = [sys.executable, "-c", code.format(parent=parent)]
        return "lives on" in subprocess.run(command, capture_output=True, text=True, check=False).stdout

    assert lives_on(os.getpid())
    assert not lives_on(2**22 + 1)  # beyond the largest process number


def test_a_program_outlives_the_thread_that_fitted_it(system):
    fitted = []

    def fit() -> None:
        fitted.append(fit_program(program(), system.unmasked, system.train, Limits(updates=1, seconds=60), 0))

    thread = threading.Thread(target=fit)
    thread.start()
    thread.join()
    time.sleep(0.2)
    with fitted[0] as model:
        assert np.isfinite(model.forecast(system.context, system.drive)).all()


def _eventually(read, accept, missing=""):
    """Read until the answer is accepted; a file that is not there reads as `missing`."""
    for _ in range(2_000):
        try:
            text = read()
        except (FileNotFoundError, ProcessLookupError):
            text = f"(x) {missing}" if missing else ""
        if accept(text):
            return text
        time.sleep(0.01)
    raise AssertionError(f"still {text!r}")


def test_a_forecast_that_blows_up_is_non_finite_and_closes_the_program(system, running):
    source = program(step="following = jnp.where(activity > 50.0, jnp.inf, following)")
    with fit_program(source, system.unmasked, system.train, Limits(updates=2, seconds=60), 0) as fitted:
        with pytest.raises(CandidateError, match="neuron 'w' at step 1 of 32") as caught:
            fitted.forecast(np.where(np.arange(6) == 2, 99.0, system.context).astype(np.float32), system.drive)
        assert caught.value.status is Status.NON_FINITE
        assert not running("zfbench.sandbox.worker")
        with pytest.raises(ZfbenchError, match="closed"):
            fitted.forecast(system.context, system.drive)


def test_recordings_that_cannot_be_trained_on_are_the_callers_error(system):
    short = tuple(Recording(r.condition, r.activity[:100], r.drive[:100]) for r in system.train)
    narrow = tuple(Recording(r.condition, r.activity[:, :5], r.drive) for r in system.train)
    for train, said in ((short, "at least 128"), (narrow, "expected"), ((), "at least one")):
        with pytest.raises(ZfbenchError, match=said):
            fit_program(program(), system.spec, train, Limits(), 0)


def test_recordings_are_named_by_their_contents(system):
    """A process that holds recordings of a name is not sent others of that name."""

    def name(*train):
        return recordings_job(system.spec, train).fields["data"]

    left, inward = system.train
    copied = replace(left, activity=left.activity.copy(), drive=left.drive.copy())
    assert name(copied, inward) == name(left, inward)
    others = [
        (replace(left, activity=left.activity + 1), inward),
        (replace(left, drive=left.drive + 1), inward),
        (left, replace(inward, activity=inward.activity + 1)),
        (left, replace(inward, drive=inward.drive + 1)),
        (inward, left),
        (replace(left, activity=inward.activity), replace(inward, activity=left.activity)),
        (left,),
    ]
    assert len({name(*train) for train in ((left, inward), *others)}) == 8


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_a_program_is_traced_on_a_cpu_within_its_memory_whatever_the_device(system, device):
    top = "import resource\nprint(os.environ['JAX_PLATFORMS'], resource.getrlimit(resource.RLIMIT_AS)[0])\n1 / 0"
    limits = Limits(updates=1, seconds=60, memory_bytes=4 * GIB)
    with pytest.raises(CandidateError, match="ZeroDivision") as caught:
        fit_program(program(top), system.unmasked, system.train, limits, 0, ProcessSandbox(device=device))
    assert caught.value.printed == f"cpu {4 * GIB}\n"


def test_an_equal_step_is_not_compiled_again_and_trains_alike(system, monkeypatch):
    """The second fit goes to the process that holds the step; a comment makes no other step."""
    lent = []
    original = processes.CleanProcesses.lend
    monkeypatch.setattr(processes.CleanProcesses, "lend", lambda *a: lent.append(original(*a)) or lent[-1])
    paths = []
    for source in (program(), program("# another source"), program(step="following = following * 0.5")):
        with fit_program(source, system.unmasked, system.train, Limits(updates=3, seconds=120), 0) as fitted:
            paths.append(fitted.forecast(system.context, system.drive))
    assert lent[0] is lent[1]
    np.testing.assert_array_equal(paths[0], paths[1])
    assert np.abs(paths[0] - paths[2]).max() > 0.01


def test_a_transcript_keeps_both_ends_and_counts_what_it_drops():
    transcript = Transcript()
    text = "".join(f"{k:09d}\n" for k in range(10_000)).encode()
    for first in range(0, len(text), 777):
        transcript.add(text[first : first + 777])
    head, gap, tail = transcript.text.partition(f"\n... {len(text) - 2 * OUTPUT_LIMIT:,} bytes left out ...\n")
    assert (head, tail) == (text[:OUTPUT_LIMIT].decode(), text[-OUTPUT_LIMIT:].decode())
    assert gap
