"""Settings that change numbers, fixed: the same seed gives the same result, whatever the shell or a notebook has set.

Programs run in processes with an environment of their own (`zfbench.sandbox.devices`). Baselines and scores are
computed in this process. The command line calls `fix_environment` before it imports any numerical library; `fixed` does
what is possible in a process in which they are imported already, and `unfixed` says what then remains, for the result.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from zfbench.base.errors import ZfbenchError

CPU = "cpu"
ONE_THREAD = {  # environment variables that give every library one thread: sums in another order round differently
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "NPROC": "1",  # XLA's thread pools
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
DETERMINISTIC = "--xla_gpu_deterministic_ops=true"  # equal calls have equal answers on a GPU too; says nothing on a CPU
ON_GPU = f"{ONE_THREAD['XLA_FLAGS']} {DETERMINISTIC}"
FOREIGN = ("JAX_", "XLA_")  # beginnings of the names of variables that may change what JAX computes
READ_ONCE = ("XLA_FLAGS", "NPROC")  # variables that XLA reads when it begins, and never again


def fix_environment() -> None:
    """Set every environment variable that changes numbers; it has to be called before NumPy and JAX are imported."""
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        del os.environ[name]
    os.environ |= ONE_THREAD | {"JAX_PLATFORMS": CPU, "MPLBACKEND": "agg"}


def show_gpu() -> None:
    """Let JAX use a GPU beside the CPU, which stays the default; it has to be called before JAX is imported."""
    os.environ |= {
        "JAX_PLATFORMS": "cpu,cuda",
        "XLA_FLAGS": ON_GPU,
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }


@contextmanager
def fixed() -> Iterator[None]:
    """Return a context, also usable as a decorator, in which this thread computes as in a process of its own.

    It fixes precision, random generator and device of JAX, and the threads of NumPy's and SciPy's linear algebra.

    Raises:
        ZfbenchError: JAX has no CPU here.
    """
    import jax
    from threadpoolctl import threadpool_limits

    try:
        device = jax.devices(CPU)[0]
    except RuntimeError as error:
        text = " ".join(str(error).split())
        raise ZfbenchError(
            f"JAX cannot compute on the CPU here ({text}); unset the environment variable JAX_PLATFORMS."
        ) from error
    with ExitStack() as held:
        for setting in (
            jax.enable_x64(False),
            jax.default_matmul_precision("default"),
            jax.default_prng_impl("threefry2x32"),
            jax.threefry_partitionable(True),
            jax.default_device(device),
            threadpool_limits(1),
        ):
            held.enter_context(setting)
        yield


def unfixed() -> dict[str, str]:
    """Return the variables that XLA read before they could be fixed, with their values; none on the command line."""
    found = {name: os.environ.get(name, "") for name in READ_ONCE}
    return {name: value for name, value in found.items() if value not in (ONE_THREAD[name], ON_GPU)}
