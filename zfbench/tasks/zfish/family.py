"""The family `zfish`: its tasks by name, and their sealed tests."""

from __future__ import annotations

import numpy as np

from zfbench.forecasting.family import ForecastingFamily
from zfbench.forecasting.sealed import SealedTest
from zfbench.tasks.zfish.name import ZfishName, canonical_names
from zfbench.tasks.zfish.task import CONTEXT, ZfishTask, hide_drive, make_spec, windows
from zfbench.tasks.zfish.truth import true_model
from zfbench.testbed.data import load_dataset
from zfbench.testbed.published import CANARY
from zfbench.testbed.published import load as load_circuit


class ZfishFamily(ForecastingFamily):
    """The family of tasks that is registered as `zfish` in the entry-point group `zfbench.tasks`."""

    def names(self) -> tuple[str, ...]:
        """Return the names of the tasks on the published circuit with the default held-out condition."""
        return canonical_names()

    def load(self, name: str) -> ZfishTask:
        """Return the task of that full name, without anything that only the judge may see.

        Raises:
            UnknownNameError: there is no such task.
        """
        parts = ZfishName.parse(name)
        return ZfishTask(parts, load_circuit(parts.circuit), load_dataset(parts.tier, parts.circuit))

    def seal(self, name: str) -> SealedTest:
        """Return the sealed test of the task of that name, which only the judge may load.

        Raises:
            UnknownNameError: there is no such task.
        """
        parts = ZfishName.parse(name)
        circuit = load_circuit(parts.circuit)
        dataset = load_dataset(parts.tier, parts.circuit)
        spec = make_spec(parts, circuit)
        test = windows(dataset, parts, parts.trained, "test")
        ood = windows(dataset, parts, parts.holdout, "ood")
        bout = circuit.drive.index("bout")
        training = np.concatenate([dataset.stretch(c, "train")[0] for c in parts.trained]).astype(np.float64)
        return SealedTest(
            spec=spec,
            track=parts.track,
            tier=parts.tier,
            circuit=f"{parts.circuit}, anonymous" if parts.anonymous else parts.circuit,  # a board of their own
            holdout="+".join(parts.holdout),
            data_sha256=dataset.sha256,
            test=hide_drive(test, len(spec.drive)),
            ood=hide_drive(ood, len(spec.drive)),
            full_drive_test=test.inputs.drive,
            full_drive_ood=ood.inputs.drive,
            truth=true_model(name),
            wiring=circuit.wiring,
            allowed=circuit.group_mask(),
            train_mean=training.mean(axis=0),
            train_sd=training.std(axis=0),
            event_test=test.inputs.drive[:, CONTEXT, bout] > 0,
            event_ood=ood.inputs.drive[:, CONTEXT, bout] > 0,
            constants=circuit.constants(),
            canary=CANARY,
        )


ZFISH = ZfishFamily()
