"""Where candidates compute, and the environment of every worker.

A candidate's Python is traced on the CPU, in a sandbox that has no GPU. A GPU belongs to the clean processes alone,
which carry out the graph of operations that tracing gave.
"""

from __future__ import annotations

import os
from pathlib import Path

from zfbench.base.errors import UnknownNameError, ZfbenchError
from zfbench.base.numerics import CPU, ON_GPU, ONE_THREAD

GPU = "gpu"
DEVICES = (CPU, GPU)
PLATFORMS = {CPU: "cpu", GPU: "cuda"}  # as JAX calls them
DRIVER = Path("/dev/nvidiactl")  # there wherever NVIDIA's driver serves this machine or container
CHOICES = (  # variables of the user's that say which GPU, through which service, and where CUDA's libraries are
    "CUDA_VISIBLE_DEVICES",
    "CUDA_MPS_PIPE_DIRECTORY",
    "LD_LIBRARY_PATH",
)
ENVIRONMENT = {
    "PYTHONHASHSEED": "0",  # the order of sets of strings decides the order of parameters
    "PYTHONUNBUFFERED": "1",  # what was printed before a deadline is worth reading
    "PYTHONDONTWRITEBYTECODE": "1",
    **ONE_THREAD,
}


def environment(device: str) -> dict[str, str]:
    """All variables of a worker on that device; programs are traced on the CPU, so the user's reach no program."""
    chosen = {"JAX_PLATFORMS": PLATFORMS[device]}
    if device == GPU:
        chosen["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # or the first of several workers takes most of the memory
        chosen["JAX_DEFAULT_MATMUL_PRECISION"] = "highest"  # or products of float32 are rounded to 10 bits
        chosen["XLA_FLAGS"] = ON_GPU
        chosen |= {name: os.environ[name] for name in CHOICES if name in os.environ}
    return ENVIRONMENT | chosen


def check_device(device: str) -> None:
    """Refuse a device that there is not.

    Raises:
        UnknownNameError: there is no such kind of device.
        ZfbenchError: a GPU was asked for where none is.
    """
    if device not in DEVICES:
        raise UnknownNameError("device", device, DEVICES)
    if device == GPU and not DRIVER.exists():
        raise ZfbenchError(f"There is no GPU that programs could use here ({DRIVER} is missing); use --device cpu.")
