"""What all tests share: one data cache a session, apart from the user's, and tasks loaded once."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

settings.register_profile("suite", deadline=None, print_blob=True)
settings.load_profile("suite")


@pytest.fixture(scope="session", autouse=True)
def data_cache(tmp_path_factory):
    """A cache shared by the workers of one session."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    os.environ["ZFBENCH_CACHE"] = str(shared / "zfbench-cache")
    return shared / "zfbench-cache"


@pytest.fixture(scope="session")
def loaded_driven(data_cache):
    from zfbench.runs.tasks import find_task

    return find_task("zfish-tiny/driven")


@pytest.fixture(scope="session")
def loaded_masked(data_cache):
    from zfbench.runs.tasks import find_task

    return find_task("zfish-tiny/masked")


@pytest.fixture(scope="session")
def driven(loaded_driven):
    return loaded_driven.task


@pytest.fixture(scope="session")
def masked(loaded_masked):
    return loaded_masked.task


@pytest.fixture(scope="session")
def driven_judge(loaded_driven):
    return loaded_driven.judge
