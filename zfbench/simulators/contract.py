"""The contract of a simulator program: the functions that its source must define."""

from __future__ import annotations

import ast

from zfbench.records.program import CandidateError, Status
from zfbench.records.source import SOURCE_LIMIT, parse_source

ARGUMENTS = {
    "initial_state": ("key", "parameters", "context"),
    "step": ("key", "state", "parameters", "context", "t"),
    "observe": ("state",),
}


def check_simulator_source(source: str) -> None:
    """Check everything about a source that can be checked without running it.

    Raises:
        CandidateError: invalid; the source is too long, does not parse, or lacks a function or one of its arguments.
    """
    tree = parse_source(source)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for name, arguments in ARGUMENTS.items():
        wanted = f"`{name}({', '.join(arguments)})`"
        if name not in functions:
            raise CandidateError(Status.INVALID, f"The source must define the function {wanted} at its top level.")
        given = functions[name].args
        if len(given.posonlyargs) + len(given.args) != len(arguments):
            raise CandidateError(Status.INVALID, f"`{name}` must take these arguments: {wanted}.")


EXAMPLE = '''\
"""A population that grows at a noisy rate."""

import jax
import jax.numpy as jnp


def initial_state(key, parameters, context):
    return {"size": context["size"]}


def step(key, state, parameters, context, t):
    growth = parameters["rate"] + 0.1 * jax.random.normal(key)
    return {"size": state["size"] * jnp.exp(growth)}


def observe(state):
    return jnp.stack([state["size"]])
'''

CONTRACT = f"""\
A program is Python source that defines, at its top level, three functions: one trajectory of a stochastic
simulator, in JAX. It may import numpy, jax and the standard library; it reads no files and no network.

    def initial_state(key, parameters, context)        # the state before the first step
    def step(key, state, parameters, context, t)       # the state after one step
    def observe(state)                                 # what is seen of it: float array [Y]

- `parameters` and `context` are dicts of scalars by name: the task says which, and the parameters' priors.
  A program may leave parameters unused. Other constants are written into the source.
- The state is an array, or a tuple or dict of arrays, of fixed shapes, all float32 (others are converted);
  it may hold what is not observed.
- `key` is a fresh JAX random key for every step and the only source of randomness; `jax.random.split` it for
  several draws. `t` counts steps from 0.
- The harness compiles the functions, vectorises them over trajectories (jax.vmap) and loops over time
  (jax.lax.scan). Write them for one trajectory, without Python branches on values: use jnp.where.
- Every number that is observed must be finite for all parameters that the priors allow.
- The source has at most {SOURCE_LIMIT:,} bytes.

A program is scored by its marginal likelihood: how probable the observed statistics are under it when its
parameters are drawn from their priors. What it can do under most parameters counts, not its best fit.

A complete example, of a task with the parameter `rate`, the context `size` and one observation:

{EXAMPLE}"""
