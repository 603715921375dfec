"""Programs that once scored well for the wrong reasons: each now computes what it says, or is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hostile import program

from zfbench.forecasting.fit import fit_program, trace_program
from zfbench.records.clamp import Clamp
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Status

LIMITS = Limits(updates=3, seconds=60.0)


def fitted(arena, source, limits=LIMITS, seed=0):
    spec = replace(arena.spec, mask=None, drive_mask=None)
    return fit_program(source, spec, arena.train, limits, seed, arena.sandbox)


def refusal(arena, source) -> CandidateError:
    with pytest.raises(CandidateError) as caught:
        fitted(arena, source).close()
    return caught.value


def windows(rows, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((rows, 8, 4), np.float32), rng.random((rows, 8 + 16, 2), np.float32)


@pytest.mark.parametrize(
    "step",
    [
        "following = jnp.roll(activity, -1, axis=0) * (1 - rate)",  # the next window's context
        "following = following - 0.5 * activity.mean(0)",
        "following = jnp.sort(following, axis=0)",
        "following = following + activity.shape[0] / 100",
    ],
    ids=["the next row", "the mean", "sorted rows", "the number of rows"],
)
def test_no_program_reads_its_neighbour_in_the_batch(arena, step):
    with fitted(arena, program(step=step)) as model:
        context, drive = windows(7)
        together = model.forecast(context, drive)
        order = np.array([6, 2, 0, 4, 1, 5, 3])
        np.testing.assert_array_equal(model.forecast(context[order], drive[order]), together[order])
        np.testing.assert_array_equal(model.forecast(context[3:4], drive[3:4])[0], together[3])


TWO = """
asked = []
def which(shape):
    asked.append(shape)
    return {choose}
"""


@pytest.mark.parametrize("choose", ["shape[0] > 1", "len(asked) > 4", "len(asked) % 2"])
def test_a_program_has_one_behaviour_whatever_it_is_asked(arena, choose):
    """Once: traced anew for each shape, it told a probe from a forecast. Now it is one graph, whenever it was made."""
    step = "following = following + (0.25 if which(activity.shape) else 0.5)"
    with fitted(arena, program(TWO.format(choose=choose), step)) as model:
        moved = set()
        for rows, horizon in ((1, 1), (7, 1), (64, 16), (65, 3)):
            context, drive = windows(rows)
            path = model.forecast(context, drive[:, : 8 + horizon])
            moved |= set(np.round((path[:, 0] - context[:, -1] * (1 - 0.0)).mean(), 2).reshape(-1).tolist())
            np.testing.assert_allclose(path[:, :1], model.forecast(context, drive[:, :9]), rtol=1e-6)
        assert len(moved) <= 2  # one of the two, up to what training moved


TAMPERED = [
    "import zfbench.forecasting.training as t\nt.Trainer.train = lambda *a, **k: None",
    "import zfbench.forecasting.service as s\ns.fit = None",
    "import zfbench.engine.evaluate as e\ne.evaluate = None",
    "import zfbench.engine.worker",
]


@pytest.mark.parametrize("top", TAMPERED)
def test_what_trains_and_rolls_out_is_not_there_to_be_tampered_with(arena, top):
    error = refusal(arena, program(top))
    assert error.status is Status.ERROR
    assert "ModuleNotFoundError" in error.message or "ImportError" in error.message


def test_training_in_the_import_changes_nothing_and_no_data_are_there(arena):
    hunt = """
import gc
found = [o for o in gc.get_objects() if isinstance(o, np.ndarray) and o.size > 1000 and o.dtype == np.float32]
print("LEAK" if found else "nothing", sorted(m for m in sys.modules if "optax" in m)[:0])
import optax
optax.scale_by_adam = optax.chain = optax.apply_updates = lambda *a, **k: 1 / 0
time.monotonic = lambda: 0.0
"""
    with fitted(arena, program(hunt)) as model, fitted(arena, program()) as honest:
        assert model.stdout.startswith("nothing")
        assert model.report.updates == LIMITS.updates
        assert model.report.loss_curve == honest.report.loss_curve


@pytest.mark.parametrize(
    "training",
    [
        "class R(float):\n    def __mul__(self, other): return 9.9\n    __rmul__ = __mul__\n"
        "training = dict(loss='one_step', learning_rate=R(0.01))",
        "class D(dict): pass\ntraining = D(loss='one_step', learning_rate=0.01)",
    ],
)
def test_what_a_program_chooses_of_the_training_is_read_as_plain_numbers(arena, training):
    with fitted(arena, program(training)) as model, fitted(arena, program("training['learning_rate'] = 0.01")) as plain:
        assert type(model.report.learning_rate) is float
        assert model.report.loss_curve == plain.report.loss_curve


@pytest.mark.parametrize(
    "step",
    [
        "following = jax.pure_callback(lambda v: v, following, following)",
        "following = jax.experimental.io_callback(lambda v: v, following, following)",
        "jax.debug.callback(print, following)",
        "jax.debug.print('{}', following)",
        "following = following + jax.random.normal(jax.random.key(0), following.shape)",
    ],
)
def test_no_step_calls_back_or_draws(arena, step):
    error = refusal(arena, program("import jax.experimental", step))
    assert error.status is Status.INVALID
    assert "`Model.__call__` uses" in error.message


def test_python_state_of_a_program_ends_with_its_tracing(arena):
    """What a program counts in Python is a constant of its step, the same in every call."""
    with fitted(arena, program("calls = []", "calls.append(1); following = following + len(calls) / 1e3")) as model:
        context, drive = windows(5)
        first, *others = (model.forecast(context, drive) for _ in range(3))
        for path in others:
            np.testing.assert_array_equal(path, first)


def test_a_clamp_is_not_to_be_read_and_holds_what_it_says(arena):
    """A step sees activity, drive and its own state: no mask, no course, whoever asks."""
    peek = "following = following + (0.0 if not [n for n in dir(sys.modules['__main__']) if 'clamp' in n] else 1.0)"
    with fitted(arena, program(step=peek)) as model, fitted(arena, program()) as honest:
        context, drive = windows(6)
        mask = np.zeros((6, 4), bool)
        mask[:, 1] = True
        clamp = Clamp(mask, np.full((6, 4), 0.75, np.float32))
        held = model.rollout(context, drive, clamp)
        assert (held[:, :, 1] == 0.75).all()
        np.testing.assert_array_equal(held, honest.rollout(context, drive, clamp))


CALLS = {
    "preadv2": "libc.syscall(327, 3, 0, 0, 0, 0, 8)",
    "fadvise64": "libc.syscall(221, 3, 0, 0, 4)",
    "posix_fadvise": "-os.posix_fadvise(os.open(np.__file__, os.O_RDONLY), 0, 0, os.POSIX_FADV_DONTNEED) or 0",
    "readahead": "libc.syscall(187, 3, 0, 4096)",
    "mincore": "libc.syscall(27, 0, 4096, bytes(1))",
    "cachestat": "libc.syscall(451, 3, bytes(16), bytes(40), 0)",
    "io_setup": "libc.syscall(206, 1, bytes(8))",
    "kcmp": "libc.syscall(312, 2, 2, 0, 0, 0)",
    "a lease": "libc.syscall(72, os.open(np.__file__, os.O_RDONLY), 1024, 0)",
    "a notice": "libc.syscall(72, os.open('/', os.O_RDONLY), 1026, 1)",
    "limits of another": "libc.syscall(302, 1, 7, 0, bytes(16))",
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_was_read_before_is_not_to_be_found_out(arena, call):
    """Else the kernel's cache of files carries bits from one program to the next, and to other runs."""
    top = f"libc = ctypes.CDLL(None, use_errno=True)\nif {call} < 0: raise OSError(ctypes.get_errno(), 'denied')\n"
    error = refusal(arena, program(top + "print('LEAK')"))
    assert "PermissionError" in error.message
    assert "LEAK" not in error.printed


def test_a_program_of_twenty_million_parameters_is_refused(arena):
    error = refusal(arena, program(step="self.param('w', nn.initializers.zeros, (20_000, 1_000))"))
    assert error.status is Status.INVALID
    assert "20,000,004 parameters" in error.message


def test_a_forged_step_is_refused(arena):
    top = """
import json, struct
header = json.dumps({"kind": "traced", "fields": {"training": {}}, "arrays": [["step", "uint8", [8]]]}).encode()
os.write(4, struct.pack(">IQ", len(header), 8) + header + bytes(8))
time.sleep(100)
"""
    assert "damaged step" in refusal(arena, program(top)).message


def test_no_process_of_a_program_is_left_when_it_is_traced(arena):
    traced = trace_program(program(), arena.spec, LIMITS, arena.sandbox, float("inf"))
    assert len(traced.hash) == 64
    assert arena.leftover() == 0
