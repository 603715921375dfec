import resource

import pytest

from zfbench.sandbox import confinement


@pytest.mark.parametrize("most", [resource.RLIM_INFINITY, 4_096, 32])
def test_a_program_is_limited_in_memory_files_and_time_and_leaves_no_core_dump(monkeypatch, most):
    """Soft and hard limits; of open files it may have no more than whoever starts it."""
    limits = {}
    monkeypatch.setattr(resource, "getrlimit", lambda what: (most, most))
    monkeypatch.setattr(resource, "setrlimit", lambda what, limit: limits.update({what: limit}))
    confinement.limit_resources(memory_bytes=2**32, cpu_seconds=90)
    files = 32 if most == 32 else 64
    assert limits == {
        resource.RLIMIT_AS: (2**32, 2**32),
        resource.RLIMIT_FSIZE: (2**26, 2**26),
        resource.RLIMIT_NOFILE: (files, files),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_CPU: (90, 91),
    }
