"""Description of this machine and of the installed libraries, without anything that names the machine."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARIES = ("zfbench", "numpy", "scipy", "scikit-learn", "numba", "jax", "flax", "optax")


def library_versions() -> dict[str, str]:
    """Return the versions of the installed libraries that scores depend on."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a source tree that was never installed
            found[name] = "not installed"
    return found


def processor() -> str:
    """Return the processor's product name where the system tells it, and else its architecture."""
    return _cpuinfo().get("model name") or platform.processor() or platform.machine()


def features() -> str:
    """Return features of the processor, such as "family 26 model 2 avx512f"; empty where they are unknown."""
    told = _cpuinfo()
    flags = told.get("flags", "").split()
    vectors = next((v for v in ("avx512f", "avx2", "avx", "sse2") if v in flags), "")
    family, model = told.get("cpu family"), told.get("model")
    return " ".join(filter(None, (family and f"family {family}", model and f"model {model}", vectors)))


def _cpuinfo() -> dict[str, str]:
    """Return the properties of the first core as Linux lists them; empty on other systems."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return {}
    first = info.read_text(errors="replace").split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
