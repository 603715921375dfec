"""What a step may hold, what it may not, and what makes two steps the same."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zfbench.engine import step as limits
from zfbench.engine.evaluate import evaluate
from zfbench.engine.operations import OPERATIONS
from zfbench.engine.serialise import program_hash, to_bytes
from zfbench.engine.step import Equation, Graph, Shaped, Traced
from zfbench.engine.trace import trace
from zfbench.records.program import CandidateError, Status
from zfbench.sandbox.worker import execute

pytestmark = pytest.mark.usefixtures("quick_compiler")

ROW = jax.ShapeDtypeStruct((4,), jnp.float32)
KEY = jax.eval_shape(lambda: jax.random.key(0))


def graph_of(function, *inputs, allowed=None):
    graph, _ = trace(function, *inputs or (ROW,), name="f", **({} if allowed is None else {"allowed": allowed}))
    return graph


def hash_of(function):
    return program_hash(Traced({"f": graph_of(function)}))


def test_names_and_dead_code_do_not_change_the_hash_and_constants_do():
    def one(x):
        y = x * 2.0
        return jnp.tanh(y + 1.0)

    def same(eingabe):
        _unused = jnp.exp(eingabe)
        doppelt = jax.jit(lambda v: v * 2.0)(eingabe)
        return jnp.tanh(doppelt + 1.0)

    assert hash_of(one) == hash_of(same)
    other = [lambda x: jnp.tanh(x * 2.0 + 1.5), lambda x: jnp.sin(x * 2.0 + 1.0), lambda x: jnp.tanh(1.0 + x * 2.0)]
    assert len({hash_of(one), *map(hash_of, other)}) == 4


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: jax.pure_callback(lambda v: v, ROW, x), "called back into Python"),
        (lambda x: jax.experimental.io_callback(lambda v: v, ROW, x), "called back into Python"),
        (lambda x: (jax.debug.print("{}", x), x)[1], "called back into Python"),
        (lambda x: (jax.debug.callback(print, x), x)[1], "called back into Python"),
        (lambda x: x + jax.random.normal(jax.random.key(0), (4,)), "draws no random numbers"),
        (lambda x: jax.lax.while_loop(lambda v: v[0] < 9, lambda v: v + 1, x), "known in advance"),
        (lambda x: jax.lax.fori_loop(0, x[0].astype(int), lambda i, v: v + 1, x), "known in advance"),
        (lambda x: jnp.fft.fft(x).real, "complex64"),
        (lambda x: jax.ffi.ffi_call("evil", ROW)(x), "ffi_call"),
        (lambda x: jnp.linalg.inv(jnp.outer(x, x))[0], "not among"),
        (lambda x: x.astype(jnp.bfloat16).astype(jnp.float32), "bfloat16"),
    ],
)
def test_what_is_not_allowed_is_refused_by_name(function, said):
    with pytest.raises(CandidateError, match=said) as caught:
        graph_of(function)
    assert caught.value.status is Status.INVALID


def test_a_refusal_names_the_line_of_the_source():
    source = "import jax\n\ndef f(x):\n    y = x + 1\n    return jax.pure_callback(lambda v: v, x, y)\n"
    with pytest.raises(CandidateError, match="at line 5 of the source"):
        graph_of(execute(source).f)


def test_a_derivative_that_a_program_defines_is_refused_and_those_of_jax_are_kept():
    source = (
        "import jax\n@jax.custom_jvp\ndef g(x):\n    return x > 0\n"
        "@g.defjvp\ndef h(p, t):\n    return g(*p), t[0]\ndef f(x):\n    return g(x) * x\n"
    )
    with pytest.raises(CandidateError, match="stop_gradient"):
        graph_of(execute(source).f)
    graph = graph_of(lambda x: nn.relu(x) + nn.softplus(x))
    zeros = jnp.zeros(4)
    gradient = jax.grad(lambda x: evaluate(graph, [x])[0].sum())(zeros)
    np.testing.assert_allclose(gradient, np.full(4, 0.5))


@pytest.mark.parametrize(
    ("limit", "value", "status", "said"),
    [
        ("EQUATIONS", 2, Status.INVALID, "3 operations after tracing"),
        ("OPERATIONS", 100, Status.INVALID, "arithmetic operations"),
        ("CONSTANT_BYTES", 15, Status.INVALID, "constants take 16 bytes"),
        ("VALUE_BYTES", 47, Status.OUT_OF_MEMORY, "48 bytes of memory"),
    ],
)
def test_each_limit_is_the_last_number_that_is_accepted(monkeypatch, limit, value, status, said):
    row = np.arange(4, dtype=np.float32)
    graph = graph_of(lambda x: jnp.tanh(jnp.sin(x) + row))
    assert graph.operations() == 12
    Traced({"f": graph}).check()
    monkeypatch.setattr(limits, limit, value if limit != "OPERATIONS" else 11)
    with pytest.raises(CandidateError, match=said) as caught:
        Traced({"f": graph}).check()
    assert caught.value.status is status
    monkeypatch.setattr(limits, limit, value + 1 if limit != "OPERATIONS" else 12)
    Traced({"f": graph}).check()


def test_loops_are_multiplied_out_and_products_counted():
    loop = graph_of(lambda x: jax.lax.scan(lambda c, _: (jnp.tanh(c), None), x, length=1_000)[0])
    assert loop.operations() == 4_004
    row = Shaped("float32", (4,))
    turns = {"length": 10**9, "num_consts": 0, "num_carry": 1, "reverse": False}
    idle = Equation("scan", (0,), (row,), turns, (Graph((row,), (), (), (0,)),))  # which only a forger would write
    assert Graph((row,), (), (idle,), (1,)).operations() >= 10**9
    product = graph_of(lambda x: np.ones((7, 4), np.float32) @ x)
    assert product.operations() == 2 * 7 * 4


def test_equal_constants_are_held_once():
    table = np.arange(12, dtype=np.float32).reshape(3, 4)
    graph = graph_of(lambda x: (table + x).sum(0) + (table.copy() * x).sum(0))
    assert len(graph.constants) == 1


def test_random_numbers_are_those_of_jax():
    def draw(key):
        first, second = jax.random.split(key)
        drawn = jax.random.normal(first, (3,)), jax.random.binomial(second, 30.0, 0.4), jax.random.poisson(first, 4.0)
        more = jax.random.gamma(jax.random.fold_in(second, 7), 2.0), jax.random.choice(first, 5, (2,))
        return drawn, more, jax.random.key_data(jax.random.key(5)), jax.random.bernoulli(key, 0.5, (4,))

    graph = graph_of(draw, KEY, allowed=OPERATIONS)
    keys = jax.random.split(jax.random.key(3), 4)
    expected = jax.tree.leaves(jax.jit(jax.vmap(draw))(keys))
    for got, own in zip(jax.jit(jax.vmap(lambda key: evaluate(graph, [key])))(keys), expected, strict=True):
        np.testing.assert_allclose(got, own, rtol=1e-6)


def test_a_loop_without_end_is_ended_where_loops_are_allowed():
    endless = partial(jax.lax.while_loop, lambda v: v[0] > -1, lambda v: v + 1)
    graph = graph_of(endless, allowed=OPERATIONS)
    np.testing.assert_array_equal(evaluate(graph, [jnp.zeros(4)])[0], np.full(4, 10_000.0))


def test_a_bytes_form_is_the_same_for_the_same_graph():
    first, second = (to_bytes(Traced({"f": graph_of(lambda x: jnp.sin(x) ** 2)})) for _ in range(2))
    assert first == second
