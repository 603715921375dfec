"""The devices on which networks of forecasters compute: the processor, or a GPU that JAX or PyTorch can use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from zfbench.base.errors import ZfbenchError
from zfbench.sandbox.devices import CPU, PLATFORMS


@contextmanager
def jax_on(device: str) -> Iterator[None]:
    """Return a context in which this thread's JAX computes on a device, with products of float32 at full precision.

    Args:
        device: `cpu`, where nothing is changed, or `gpu`.

    Raises:
        ZfbenchError: JAX cannot use such a device in this process.
    """
    if device == CPU:
        yield
        return
    import jax

    try:
        found = jax.devices(PLATFORMS[device])[0]
    except RuntimeError as error:
        raise ZfbenchError(
            f"JAX cannot compute on the GPU in this process ({' '.join(str(error).split())}); use the device cpu."
        ) from error
    with jax.default_device(found), jax.default_matmul_precision("highest"):
        yield


def torch_device(device: str) -> str:
    """Return PyTorch's name of a device.

    Raises:
        ZfbenchError: PyTorch cannot use such a device here.
    """
    import torch

    if device != CPU and not torch.cuda.is_available():
        raise ZfbenchError("PyTorch cannot compute on the GPU here; install it for CUDA, or use the device cpu.")
    return PLATFORMS[device]
