"""What all tests share: one data cache a session, apart from the user's, and tasks loaded once."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings
from threadpoolctl import threadpool_limits

from zfbench.base.numerics import ONE_THREAD

os.environ |= ONE_THREAD  # several processes with several threads each would wait for each other
threadpool_limits(1)  # a plug-in of pytest has imported NumPy in this process; workers begin with the variables
settings.register_profile("suite", deadline=None, print_blob=True)
settings.load_profile("suite")


@pytest.fixture(scope="session", autouse=True)
def data_cache(tmp_path_factory):
    """A cache shared by the workers of one session."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    os.environ["ZFBENCH_CACHE"] = str(shared / "zfbench-cache")
    return shared / "zfbench-cache"


@pytest.fixture
def quick_compiler():
    """Compiles without optimisations what a test itself runs, for tests that compile much and run little."""
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(scope="session")
def shown():
    """What the page of results says, on one line."""
    from results_page import what_it_shows

    return what_it_shows()


@pytest.fixture(scope="session")
def measured():
    """All published results."""
    from results_page import RESULTS

    from zfbench.records.reading import load_folder

    return load_folder(RESULTS)


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


def make_result(name="mean", *, kind="baseline", drive=False, track="driven", data="ab" * 32, seed=0, **changes):
    """A result made by hand: one score unless `metrics` says otherwise; one that failed has no scores."""
    from zfbench.records.result import Machine, MethodRecord, Result, TaskRecord
    from zfbench.scoring import VERSIONS

    failed = changes.get("status", "ok") != "ok"
    families = () if failed else ("forecast", "connectivity", "dynamics", "intervention")
    fields = {
        "task": TaskRecord(
            name=f"zfish-tiny/{track}",
            track=track,
            tier="tiny",
            circuit="published",
            holdout="outward",
            data_sha256=data,
        ),
        "method": MethodRecord(name=name, kind=kind, future_drive=drive),
        "seed": seed,
        "limits": {"updates": 2000, "seconds": 300, "memory_bytes": 2**33},
        "metrics": {} if failed else {"forecast/id/mae": 0.25},
        "metric_versions": {family: VERSIONS[family] for family in families},
        "libraries": {},
        "machine": Machine(system="s", processor="p", cores=1, device="cpu"),
    }
    return Result(**(fields | changes))


@pytest.fixture(scope="session")
def make():
    return make_result


@pytest.fixture(scope="session")
def search_method():
    """The record of a search, and how it was run, as the arguments of `make`."""
    from zfbench.records.result import MethodRecord, SearchOptions
    from zfbench.search.budget import Budget
    from zfbench.search.finals import default_finalists
    from zfbench.search.loop import PATIENCE

    def arguments(name="puct", proposer="grammar", budget=None, options=None, **record):
        budget = budget or {"evaluations": 8}
        chosen = {"finalists": default_finalists(Budget.of(budget)), "patience": PATIENCE} | (options or {})
        return {
            "method": MethodRecord(name=name, kind="search", proposer=proposer, future_drive=True, **record),
            "search": SearchOptions(budget=budget, **chosen),
        }

    return arguments


@pytest.fixture
def package(tmp_path):
    """Writes packages of other people's that plug in, as an installer would; returns their folder."""
    folder = tmp_path / "site-packages"

    def install(name, module, **groups):
        """A package NAME with the module NAME_mod, and `group=entry points` in the group zfbench.GROUP."""
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        sections = [f"[zfbench.{group}]\n{entries}\n" for group, entries in groups.items()]
        (info / "entry_points.txt").write_text("\n".join(sections))
        (folder / f"{name}_mod.py").write_text(module)
        return folder

    return install
