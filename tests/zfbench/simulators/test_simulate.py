import numpy as np
import pytest
from growth import CONSTANT, SPEC

from zfbench.records.frame import Frame
from zfbench.records.limits import Limits
from zfbench.records.program import CandidateError, Status
from zfbench.sandbox.choose import open_sandbox
from zfbench.simulators.contract import CONTRACT, EXAMPLE, check_simulator_source
from zfbench.simulators.simulate import ROWS_PER_CALL, _ask, _job, _request, simulate_program

LIMITS = Limits(seconds=60.0, memory_bytes=8 * 2**30)


@pytest.fixture(scope="module")
def sandbox():
    with open_sandbox() as box:
        yield box


def simulate(source, sandbox, n=3, seed=0, limits=LIMITS):
    rng = np.random.default_rng(0)
    return simulate_program(source, SPEC, rng.uniform(0, 1, (n, 1)), rng.uniform(1, 2, (n, 1)), limits, seed, sandbox)


def test_the_contract_shows_a_program_that_keeps_it():
    check_simulator_source(EXAMPLE)
    assert CONTRACT.endswith(EXAMPLE)


def test_trajectories_start_at_the_context_and_follow_the_parameters(sandbox):
    rng = np.random.default_rng(3)
    rate, size = rng.uniform(0, 1, (200, 1)), rng.uniform(1, 2, (200, 1))
    path = simulate_program(EXAMPLE, SPEC, rate, size, LIMITS, 0, sandbox)
    assert path.shape == (200, 3, 1)
    np.testing.assert_allclose(path[:, 0], size, rtol=1e-6)
    grown = np.log(path[:, 2] / path[:, 0])
    assert abs((grown - 4 * rate).mean()) < 4 * 0.2 / np.sqrt(200)
    assert (grown - 4 * rate).std() == pytest.approx(0.2, rel=0.2)


def test_a_row_depends_on_the_seed_and_its_number_alone(sandbox):
    many = simulate(EXAMPLE, sandbox, n=ROWS_PER_CALL + 2)
    rng = np.random.default_rng(0)
    rates, sizes = rng.uniform(0, 1, (ROWS_PER_CALL + 2, 1)), rng.uniform(1, 2, (ROWS_PER_CALL + 2, 1))
    few = simulate_program(EXAMPLE, SPEC, rates[:5], sizes[:5], LIMITS, 0, sandbox)
    np.testing.assert_array_equal(many[:5], few)
    assert len(np.unique(many[:, 2] / many[:, 0])) == len(many)
    assert not np.array_equal(simulate(EXAMPLE, sandbox, seed=1), many[:3])


def test_rows_of_different_calls_share_no_noise(sandbox):
    n = ROWS_PER_CALL + 2
    path = simulate_program(EXAMPLE, SPEC, np.full((n, 1), 0.5), np.ones((n, 1)), LIMITS, 0, sandbox)
    assert (path[ROWS_PER_CALL:, 2] != path[:2, 2]).all()


@pytest.mark.parametrize(
    ("source", "status", "said"),
    [
        (CONSTANT.replace("def observe(state)", "def watch(state)"), Status.INVALID, "observe"),
        (CONSTANT.replace("parameters, context, t)", "t)"), Status.INVALID, "must take these arguments"),
        (CONSTANT.replace('jnp.stack([state["size"]])', 'state["size"]'), Status.INVALID, "shape \\[1\\], got \\[\\]"),
        (EXAMPLE.replace("growth)", "-jnp.log(growth - growth))"), Status.NON_FINITE, "100.0% of the simulations"),
        (CONSTANT.replace('context["size"]', 'context["mass"]'), Status.ERROR, "KeyError at line 8"),
        (EXAMPLE + "\nwhile True:\n    pass\n", Status.TIMEOUT, "time"),
        ("import jax\n" * 10_000, Status.INVALID, "bytes"),
    ],
)
def test_failures_are_told_apart(source, status, said, sandbox):
    limits = Limits(seconds=5.0) if status == Status.TIMEOUT else LIMITS
    with pytest.raises(CandidateError, match=said) as caught:
        simulate(source, sandbox, limits=limits)
    assert caught.value.status == status


def test_a_program_that_prints_is_quoted_when_it_fails(sandbox):
    with pytest.raises(CandidateError) as caught:
        simulate(CONSTANT + '\nprint("here")\nraise ValueError("no")\n', sandbox)
    assert "here" in caught.value.printed


def test_what_is_sent_to_the_process_holds_no_observation():
    job = _job(EXAMPLE, SPEC)
    assert set(job.fields) == {"source", "parameters", "context", "observations"}
    assert job.fields["parameters"] == ["rate"]
    assert not job.arrays


@pytest.mark.parametrize("path", [np.zeros((ROWS_PER_CALL, 3, 2), np.float32), np.zeros((1, 3, 1), np.float32), None])
def test_an_answer_of_another_shape_is_refused(path):
    class Forger:
        def ask(self, *_):
            return Frame("trajectories", arrays={} if path is None else {"path": path})

    given = np.zeros((ROWS_PER_CALL, 1))
    with pytest.raises(CandidateError, match="Trajectories must be float32"):
        _ask(Forger(), _request(b"", SPEC, 0), SPEC, given, given, 0, 0.0)


GROWING = EXAMPLE.replace('return {"size": state["size"] *', 'return {"size": jnp.ones(2) * state["size"].sum() *')
COUNTING = EXAMPLE.replace("import jax\n", "import jax\ncalls = []\n", 1).replace(
    "    growth =", "    calls.append(1)\n    growth = len(calls) +"
)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (GROWING, "a state like the initial one"),
        (EXAMPLE.replace("    growth =", "    jax.debug.print('{}', t)\n    growth ="), "called back into Python"),
        (EXAMPLE.replace("jnp.stack([state", "jax.random.normal(jax.random.key(0)) + jnp.stack([state"), "random"),
        (EXAMPLE.replace("    growth =", "    open('/tmp/x', t)\n    growth ="), "TypeError"),
    ],
)
def test_a_simulator_that_is_no_graph_is_refused(source, said, sandbox):
    with pytest.raises(CandidateError, match=said):
        simulate(source, sandbox)


def test_a_simulator_steps_alike_at_every_time_whatever_it_counts(sandbox):
    np.testing.assert_array_equal(simulate(COUNTING, sandbox), simulate(COUNTING, sandbox))
    path = simulate(COUNTING, sandbox, n=1)[0, :, 0]
    assert path[1] / path[0] == pytest.approx(path[2] / path[1], rel=0.9)


def test_rejection_sampling_draws_what_jax_draws(sandbox):
    source = EXAMPLE.replace(
        "0.1 * jax.random.normal(key)", "jax.random.binomial(key, 10.0, 0.5) + jax.random.poisson(key, 2.0)"
    )
    path = simulate(source, sandbox, n=200)
    assert np.isfinite(path).all()
    grown = np.log(path[:, 1, 0] / path[:, 0, 0])
    rates = np.random.default_rng(0).uniform(0, 1, (200, 1))[:, 0]
    assert (grown - 2 * rates).mean() == pytest.approx(14.0, abs=4 * np.sqrt(2 * (2.5 + 2.0) / 200))
