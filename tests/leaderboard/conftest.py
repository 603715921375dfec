"""Results made by hand, for tests that need some."""

import pytest

from zfbench.records.result import Machine, MethodRecord, Result, TaskRecord

SHA = "ab" * 32


def make(name="mean", *, kind="baseline", track="driven", data=SHA, seed=0, metrics=None, **changes):
    fields = {
        "task": TaskRecord(
            name=f"zfish-tiny/{track}",
            track=track,
            tier="tiny",
            circuit="published",
            holdout="outward",
            data_sha256=data,
        ),
        "method": MethodRecord(name=name, kind=kind),
        "seed": seed,
        "limits": {"updates": 2000, "seconds": 300, "memory_bytes": 2**33},
        "metrics": {"forecast/id/mae": 0.25} if metrics is None else metrics,
        "metric_versions": {"forecast": 1, "connectivity": 1, "dynamics": 1, "intervention": 1},
        "libraries": {},
        "machine": Machine(system="s", processor="p", cores=1, device="cpu"),
    }
    return Result(**(fields | changes))


@pytest.fixture(name="make")
def make_fixture():
    return make
