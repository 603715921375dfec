"""Programs of the task `hodgkin_huxley`: a frame with two slots for channels, the seed program and the true program.

Sodium, potassium and leak are those of Pospischil et al. (2008, doi:10.1007/s00422-008-0263-8), as is the slow
potassium current (M) of the true program.
"""

from __future__ import annotations

EMPTY = "    return 0.0, 0.0, 0.0, 1.0\n"

FRAME = '''\
import jax
import jax.numpy as jnp

DT = 0.05  # ms
E_NA, E_K = 53.0, -107.0  # mV


def slot_1(V, gate, parameters):
    """Conductance (mS/cm2), reversal (mV), and the gate's steady state and time constant (ms) of a further channel."""
{slot_1}

def slot_2(V, gate, parameters):
    """Likewise."""
{slot_2}

def linoid(x):
    """x / (exp(x) - 1), also at 0."""
    near = jnp.abs(x) < 1e-4
    return jnp.where(near, 1 - x / 2, x / jnp.expm1(jnp.where(near, 1.0, x)))


def rates(V, parameters):
    """Opening and closing rates of the gates m, h and n (1/ms), after Pospischil et al. 2008."""
    u = V + parameters["Vt"]
    opening = 1.28 * linoid((13 - u) / 4), 0.128 * jnp.exp((17 - u) / 18), 0.16 * linoid((15 - u) / 5)
    closing = 1.4 * linoid((u - 40) / 5), 4 / (1 + jnp.exp((40 - u) / 5)), 0.5 * jnp.exp((10 - u) / 40)
    return jnp.stack(opening), jnp.stack(closing)


def initial_state(key, parameters, context):
    V = context["V0"]
    opening, closing = rates(V, parameters)
    further = jnp.stack([slot_1(V, 0.0, parameters)[2] + 0 * V, slot_2(V, 0.0, parameters)[2] + 0 * V])
    return {{"V": V, "gates": opening / (opening + closing), "further": further}}


def step(key, state, parameters, context, t):
    V, (m, h, n), (x1, x2) = state["V"], state["gates"], state["further"]
    on = (t * DT >= 100) & (t * DT < 1100)
    current = jnp.where(on, context["I"], 0.0) + parameters["noise"] * jax.random.normal(key) / jnp.sqrt(DT)
    g1, E1, steady1, tau1 = slot_1(V, x1, parameters)
    g2, E2, steady2, tau2 = slot_2(V, x2, parameters)
    g_na, g_k = parameters["gNa"] * m**3 * h, parameters["gK"] * n**4
    g = g_na + g_k + parameters["gleak"] + g1 + g2
    drive = g_na * E_NA + g_k * E_K - parameters["gleak"] * parameters["Eleak"] + g1 * E1 + g2 * E2 + current
    opening, closing = rates(V, parameters)
    steady, rate = opening / (opening + closing), opening + closing
    gates = steady + (state["gates"] - steady) * jnp.exp(-DT * rate)
    steady = jnp.stack([steady1 + 0 * V, steady2 + 0 * V])
    tau = jnp.maximum(jnp.stack([tau1 + 0 * V, tau2 + 0 * V]), DT)
    further = steady + (state["further"] - steady) * jnp.exp(-DT / tau)
    V = jnp.clip(drive / g + (V - drive / g) * jnp.exp(-DT * g), -200.0, 200.0)
    return {{"V": V, "gates": gates, "further": further}}


def observe(state):
    return jnp.stack([state["V"]])
'''

M_CURRENT = """\
    steady = 1 / (1 + jnp.exp(-(V + 35) / 10))
    tau = parameters["p_j"] / (3.3 * jnp.exp((V + 35) / 20) + jnp.exp(-(V + 35) / 20))
    return 0.004 * parameters["gX2"] * gate, E_K, steady, tau
"""


def neuron(first: str, slot_1: str = EMPTY, slot_2: str = EMPTY) -> str:
    """Return a program from its first docstring line and the function bodies of its two slots.

    Args:
        first: first line of the program's docstring.
        slot_1: indented body of the function `slot_1`; by default the slot is empty.
        slot_2: indented body of the function `slot_2`; by default the slot is empty.
    """
    return f'"""{first}"""\n\n' + FRAME.format(slot_1=slot_1, slot_2=slot_2)


SEED_PROGRAM = neuron("Sodium, potassium and leak; both slots are empty.")
TRUTH = neuron("A slow potassium current that muscarine blocks (M) in the second slot.", slot_2=M_CURRENT)
