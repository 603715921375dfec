"""Reading what an untrusted process wrote: exactly programs are accepted, everything else is a named failure."""

import contextlib
import json

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zfbench.engine.evaluate import evaluate
from zfbench.engine.operations import OPERATIONS
from zfbench.engine.serialise import from_bytes, to_bytes
from zfbench.engine.step import Equation, Graph, Shaped, Traced
from zfbench.engine.trace import trace
from zfbench.forecasting.dynamics import Dynamics
from zfbench.forecasting.flax_step import trace_model
from zfbench.forecasting.signature import read_step
from zfbench.records.program import CandidateError
from zfbench.records.recordings import TaskSpec

SPEC = TaskSpec("toy", "", "", 1.0, 4, 4, tuple("ab"), ("g", "g"), ("x",))
ALLOWED = {"f": OPERATIONS}


class Small(nn.Module):
    spec: TaskSpec

    def initial_state(self, batch):
        return jnp.zeros((batch, 2))

    @nn.compact
    def __call__(self, state, activity, drive):
        w = self.param("w", nn.initializers.normal(), (2, 2))
        table = np.array([[0.5, 0.25]], np.float32)
        _, later = jax.lax.scan(lambda c, x: (c, jnp.tanh(c[0, 0] + x)), table * activity, state)
        return later, activity @ w + drive


WRITTEN = to_bytes(trace_model(Small(SPEC), SPEC))


def rewritten(change):
    """The bytes with another header."""
    size = int.from_bytes(WRITTEN[:8], "big")
    header = json.loads(WRITTEN[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "big") + text + WRITTEN[8 + size :]


def read_and_use(data):
    """Read a program and trace its functions, as the clean process does."""
    dynamics = Dynamics.of(read_step(data, SPEC))
    jax.eval_shape(dynamics.initialiser(), jax.random.key(0))
    params = {
        name: jax.ShapeDtypeStruct(shaped.shape, shaped.dtype)
        for name, shaped in zip(dynamics.traced.names, dynamics.traced.graphs["initialise"].results, strict=True)
    }
    state = jax.eval_shape(lambda: dynamics.initial_state(3))
    row = jax.ShapeDtypeStruct((3, 2), jnp.float32)
    jax.eval_shape(dynamics.step, params, state, row, jax.ShapeDtypeStruct((3, 1), jnp.float32))


def test_what_was_written_is_read_and_written_alike():
    read_and_use(WRITTEN)
    assert to_bytes(read_step(WRITTEN, SPEC)) == WRITTEN


@settings(max_examples=400)
@given(st.data())
def test_mutated_bytes_are_read_or_refused(data):
    mutated = bytearray(WRITTEN)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(mutated) - 1))
        match data.draw(st.sampled_from(["replace", "digit", "cut", "insert"])):
            case "replace":
                mutated[place] = data.draw(st.integers(0, 255))
            case "digit":
                digits = [k for k, byte in enumerate(mutated) if 48 <= byte <= 57]
                mutated[digits[place % len(digits)]] = data.draw(st.integers(48, 57))
            case "cut":
                del mutated[place : place + data.draw(st.integers(1, 9))]
            case "insert":
                mutated[place:place] = data.draw(st.binary(min_size=1, max_size=9))
    with contextlib.suppress(CandidateError):  # and nothing else
        read_and_use(bytes(mutated))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda h: h["names"].append("w"), "one name"),
        (lambda h: h["names"].append("v"), "One row"),
        (lambda h: h["names"].append("x" * 201), "short text"),
        (lambda h: h["graphs"].pop("step"), "functions"),
        (lambda h: h["graphs"].update(other=h["graphs"]["step"]), "functions"),
        (lambda h: h["graphs"]["step"]["equations"][0].__setitem__(0, "pure_callback"), "not allowed"),
        (lambda h: h["graphs"]["step"]["equations"][0].__setitem__(0, "random_bits"), "not allowed"),
        (lambda h: h["graphs"]["step"]["equations"][0][1].__setitem__(0, 10_000), "not there yet"),
        (lambda h: h["graphs"]["step"]["equations"][0][1].__setitem__(0, -1), "not there yet"),
        (lambda h: h["graphs"]["step"]["equations"][0][1].__setitem__(0, True), "not there yet"),
        (lambda h: h["graphs"]["step"]["equations"][0].__setitem__(3, {"backend": "cuda"}), "lacks a setting"),
        (lambda h: h["graphs"]["step"]["constants"].append(["float32", 2**30]), "longer than it is"),
        (lambda h: h["graphs"]["step"]["inputs"].append(["float32", 2]), "One row"),
        (lambda h: h["graphs"]["step"]["inputs"].append(["object", 2]), "unknown dtype"),
        (lambda h: h["graphs"]["step"]["inputs"].append(["float32", -2]), "no shape"),
        (lambda h: h["graphs"]["step"]["outputs"].pop(), "One row"),
        (lambda h: h.update(extra=1), "lacks a field"),
    ],
)
def test_a_header_that_is_no_programs_is_refused(change, said):
    with pytest.raises(CandidateError, match=said):
        read_step(rewritten(change), SPEC)


@pytest.mark.parametrize("data", [b"", b"\0" * 7, b"\xff" * 64, WRITTEN[:-1], WRITTEN + b"\0", WRITTEN[:100]])
def test_bytes_too_few_or_too_many_are_refused(data):
    with pytest.raises(CandidateError, match="damaged step"):
        read_step(data, SPEC)


def test_a_header_nested_without_end_is_refused():
    text = b"[" * 100_000
    with pytest.raises(CandidateError, match="not JSON"):
        read_step(len(text).to_bytes(8, "big") + text, SPEC)


def test_a_result_that_is_not_what_the_graph_says_is_refused_when_it_is_evaluated():
    row = Shaped("float32", (2,))
    lying = Graph((row,), (), (Equation("neg", (0,), (Shaped("float32", (1,)),)),), (1,))
    read = from_bytes(to_bytes(Traced({"f": lying})), ALLOWED)
    with pytest.raises(CandidateError, match="does not give"):
        evaluate(read.graphs["f"], [jnp.zeros(2)])


def test_a_graph_of_every_kind_of_setting_travels():
    def function(key, x):
        y = jnp.pad(x[::2], (1, 2)) + jnp.round(x[:4]).sum() + jnp.cumsum(x)[:5][::-1].sum()
        y = y.at[1].multiply(2.0).at[0].max(x[0]) + jax.lax.top_k(x, 2)[0].sum() + x.at[jnp.argmax(x)].get(mode="fill")
        return y + jax.random.uniform(key, y.shape) + jnp.split(x, 3)[1].sum()

    graph, _ = trace(
        function,
        jax.eval_shape(lambda: jax.random.key(0)),
        jax.ShapeDtypeStruct((6,), jnp.float32),
        name="f",
        allowed=OPERATIONS,
    )
    read = from_bytes(to_bytes(Traced({"f": graph})), ALLOWED)
    key, x = jax.random.key(2), jnp.linspace(-1.3, 2.7, 6)
    np.testing.assert_allclose(evaluate(read.graphs["f"], [key, x])[0], function(key, x), rtol=1e-6)
