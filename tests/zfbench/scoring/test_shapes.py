"""While tests run, the shapes in the signatures of the scores are checked, of arguments and of results."""

import ast
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from zfbench import scoring
from zfbench.records import clamp
from zfbench.records.clamp import Clamp, roll
from zfbench.scoring.connectivity import jacobian_probes, score_connectivity
from zfbench.scoring.dynamics import impulse_probes
from zfbench.scoring.forecast import score_forecast
from zfbench.scoring.probabilistic import crps

B, H, N = 3, 4, 2
TARGET = np.zeros((B, H, N))
LABELS = (("c",) * B, ("A", "B"))
SIGNS = np.zeros((N, N), np.int8)
CONTEXT, DRIVE = np.zeros((B, 5, N), np.float32), np.zeros((B, 5 + H, 1), np.float32)


@pytest.mark.parametrize(
    "misshapen",
    [
        lambda: score_forecast(TARGET[:, 1:], TARGET, TARGET, np.ones(N), *LABELS),
        lambda: score_forecast(TARGET, TARGET, TARGET, np.ones(N + 1), *LABELS),
        lambda: score_forecast(TARGET.astype(int), TARGET, TARGET, np.ones(N), *LABELS),
        lambda: score_connectivity(np.zeros((B, N, N + 1)), np.zeros((B, N, N + 1)), SIGNS),
        lambda: score_connectivity(np.zeros((B, N, N)), np.zeros((B, N, N)), SIGNS, SIGNS),
        lambda: crps(TARGET, TARGET),
        lambda: Clamp(np.zeros((B, N), bool), np.zeros((N,), np.float32)),
        lambda: roll(lambda a, x: a, CONTEXT, DRIVE[:2]),
    ],
    ids=["steps", "neurons", "not floats", "not square", "not Boolean", "no samples", "clamp", "rows"],
)
def test_a_wrong_shape_is_refused_while_tests_run(misshapen):
    with pytest.raises(TypeCheckError):
        misshapen()


def test_a_result_of_a_wrong_shape_is_refused_while_tests_run():
    class Wide(np.ndarray):
        """An array whose reshaped copies have a row too many, as if the function had counted wrongly."""

        def reshape(self, *shape):
            whole = np.asarray(self).reshape(*shape)
            return np.concatenate([whole, whole[:1]])

    assert jacobian_probes(CONTEXT).shape == (B * 2 * N, 5, N)
    assert impulse_probes(CONTEXT, range(N), (0.1, 0.2)).shape == (B * N * 2, 5, N)
    with pytest.raises(TypeCheckError, match="return value"):
        jacobian_probes(CONTEXT.view(Wide))


def test_without_the_check_a_wrong_shape_reaches_the_function(shapes_unchecked):
    assert Clamp(np.zeros((B, N), bool), np.zeros((N,), np.float32)).value.shape == (N,)


UNSHAPED = {"finite"}  # takes arrays of any rank, and checks them by itself
FILES = (*Path(scoring.__file__).parent.glob("*.py"), Path(clamp.__file__))
PUBLIC = [
    pytest.param(node, id=f"{path.stem}.{node.name}")
    for path in FILES
    for node in ast.parse(path.read_text()).body
    if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and node.name not in UNSHAPED
]


@pytest.mark.parametrize("function", PUBLIC)
def test_every_array_in_a_public_signature_has_its_shape(function):
    shapes = ("Float[", "Bool[", "Integer[")
    for annotation in (*(argument.annotation for argument in function.args.args), function.returns):
        written = ast.unparse(annotation)
        if not written.startswith("Callable"):
            assert written.count("NDArray[") == sum(written.count(shape) for shape in shapes)
            assert "ArrayLike" not in written
