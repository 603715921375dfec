import json
import math

import pytest

from zfbench.forecasting.report import TrainingReport
from zfbench.records.program import CandidateError, Status

REPORT = TrainingReport(
    loss="rollout",
    learning_rate=0.01,
    parameters=12,
    recurrent=True,
    updates=100,
    best_update=90,
    seconds=1.5,
    stopped_early=False,
    loss_curve=((50, 0.2), (100, 0.1)),
    selection_curve=((0, math.inf), (100, 0.3)),
)


def test_a_report_survives_json():
    assert TrainingReport.from_json(json.loads(json.dumps(REPORT.to_json(), allow_nan=False))) == REPORT


@pytest.mark.parametrize(
    "change",
    [
        {"updates": -1},
        {"updates": True},
        {"updates": 2**80},
        {"parameters": 1.0},
        {"seconds": math.inf},
        {"learning_rate": "0.01"},
        {"recurrent": 1},
        {"loss": "unknown"},
        {"loss": ["rollout"]},
        {"loss_curve": {}},
        {"loss_curve": [[1]]},
        {"loss_curve": [["1", 0.1]]},
        {"selection_curve": [[1, "0.1"]]},
        {"selection_curve": [[1, math.nan]]},
        {"selection_curve": [[1, 0.1]] * 200_000},
        {"extra": 1},
    ],
)
def test_a_forged_report_is_refused(change):
    with pytest.raises(CandidateError) as caught:
        TrainingReport.from_json(REPORT.to_json() | change)
    assert caught.value.status is Status.ERROR
