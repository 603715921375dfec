"""In the clean process: which kind of device JAX computes on. It is asked before a search begins."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from zfbench.records.frame import Frame


def device(_: Frame) -> Frame:
    """The platform of the device, as JAX calls it, after it has computed something."""
    jax.block_until_ready(jnp.ones((8, 8)) @ jnp.ones((8, 8)))
    return Frame("device", {"platform": jax.devices()[0].platform})


ANSWERS: dict[str, Callable[[Frame], Frame]] = {"device": device}
