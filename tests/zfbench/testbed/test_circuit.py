import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest

from zfbench.base.errors import DamagedFileError, UnknownNameError
from zfbench.testbed import assembly, published
from zfbench.testbed.circuit import Circuit, Gate, Modulation

CIRCUIT = published.load("published")


def index(*names):
    return tuple(CIRCUIT.neurons.index(name) for name in names)


def test_published_circuit_has_the_published_edges():
    assert CIRCUIT.size == (54, 16)
    assert np.count_nonzero(CIRCUIT.wiring) == 140
    assert np.count_nonzero(CIRCUIT.wiring > 0) == 104
    assert not np.diag(CIRCUIT.wiring).any()


@pytest.mark.parametrize(
    ("post", "pre", "sign"),
    [
        ("oB_R", "LPT_R0", 1),
        ("oB_R", "LPT_R2", -1),
        ("S_L", "RPT_L0", 1),  # through the AND gate
        ("S_L", "LPT_R2", 1),
        ("nMLF_L", "oMl_R", -1),
        ("nMLF_L", "oMl_L", 0),
        ("MN_R0", "nMLF_R", 1),
        ("MN_R2", "nMLF_R", 0),
        ("MN_L5", "SW", 1),
        ("RPT_L0", "AF_L2", -1),
        ("BG", "nMLF_R", 1),
    ],
)
def test_wiring_of_named_edges(post, pre, sign):
    assert CIRCUIT.wiring[index(post, pre)] == sign


def test_edges_without_a_weight_have_the_sign_of_their_gate_or_modulation():
    modulation = Modulation(*index("nMLF_L", "oMl_L"), 0, -0.5)
    gate = Gate(*index("S_L", "RPT_L0", "LPT_R2"), -1.0, "min")
    wiring = dataclasses.replace(CIRCUIT, modulations=(modulation,), gates=(gate,)).wiring
    for post, pre in (("nMLF_L", "oMl_L"), ("S_L", "RPT_L0"), ("S_L", "LPT_R2")):
        assert CIRCUIT.weights[index(post, pre)] == 0
        assert wiring[index(post, pre)] == -1


def test_mirror_preserves_wiring_and_inputs():
    m, d = CIRCUIT.mirror, CIRCUIT.drive_mirror
    assert np.array_equal(CIRCUIT.wiring[np.ix_(m, m)], CIRCUIT.wiring)
    assert np.array_equal(CIRCUIT.drive_wiring[np.ix_(m, d)], CIRCUIT.drive_wiring)
    assert [CIRCUIT.neurons[i] for i in np.flatnonzero(m == np.arange(54))] == ["BG", "SW"]
    assert CIRCUIT.neurons[m[index("RPT_L3")[0]]] == "LPT_R3"


def test_group_mask_is_the_coarsest_cover_of_the_wiring():
    groups = np.asarray(CIRCUIT.groups)
    expected = np.empty((54, 54), dtype=bool)
    for i in range(54):
        for j in range(54):
            block = CIRCUIT.wiring[np.ix_(groups == groups[i], groups == groups[j])]
            expected[i, j] = groups[i] == groups[j] or block.any()
    assert np.array_equal(CIRCUIT.group_mask(), expected)
    assert CIRCUIT.group_mask().diagonal().all()
    assert not CIRCUIT.group_mask()[index("AF_L0", "MN_L0")]


def test_drive_group_mask_opens_whole_blocks_of_channels():
    mask = CIRCUIT.drive_group_mask()
    retina = [name.startswith("retina") for name in CIRCUIT.drive]
    assert np.all(mask >= CIRCUIT.drive_wiring)
    assert mask[index("AF_L0")[0], retina].all()
    assert not mask[index("oB_L")[0]].any()
    assert mask[index("vSPN_L")[0], CIRCUIT.drive.index("turn_R")]


def test_circuit_survives_json_with_its_hash():
    again = Circuit.from_json(json.loads(json.dumps(CIRCUIT.to_json())))
    assert again.sha256 == CIRCUIT.sha256
    for field in dataclasses.fields(Circuit):
        assert np.array_equal(getattr(again, field.name), getattr(CIRCUIT, field.name)), field.name


def test_any_changed_constant_changes_the_hash():
    alpha = CIRCUIT.alpha.copy()
    alpha[7] = np.nextafter(alpha[7], 1)
    assert dataclasses.replace(CIRCUIT, alpha=alpha).sha256 != CIRCUIT.sha256


def test_altered_or_incomplete_json_is_refused():
    altered = CIRCUIT.to_json()
    altered["alpha"][0] = 0.5
    with pytest.raises(DamagedFileError, match="sha256"):
        Circuit.from_json(altered)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("weights", np.zeros((54, 53)), r"weights has shape \(54, 53\), expected \(54, 54\)"),
        ("alpha", np.full(54, np.nan), "alpha holds a value that is not finite"),
        ("groups", ("AF",), "groups has 1 entries"),
        ("neurons", ("BG",) * 54, "must differ"),
        ("kinds", ("relu",) * 54, "unknown unit kind 'relu'"),
        ("gates", (Gate(0, 1, 2, 1.0, "max"),), "unknown gate kind 'max'"),
        ("gates", (Gate(0, 1, 54, 1.0, "min"),), "outside 0 .. 53"),
        ("mirror", np.roll(np.arange(54), 1), "pairing"),
        ("drive_mirror_sign", np.zeros(16), r"\+1 and -1"),
    ],
)
def test_malformed_circuits_are_refused_with_a_reason(field, value, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CIRCUIT, **{field: value})


def test_an_edge_cannot_have_two_signs():
    gate = Gate(*index("oB_L", "RPT_L2", "RPT_L0"), 1.0, "product")
    with pytest.raises(ValueError, match="RPT_L2 -> oB_L"):
        dataclasses.replace(CIRCUIT, gates=(gate,))


def test_arrays_of_a_circuit_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        CIRCUIT.weights[0, 0] = 1


def test_unknown_circuit_names_the_known_one():
    with pytest.raises(UnknownNameError, match="published"):
        published.load("publishd")


def test_a_table_that_reads_from_nowhere_is_refused():
    unit = assembly.Unit("oB_L", "oB", "sigmoid", 0.1, weights={"RPT_L9": 1})
    with pytest.raises(ValueError, match="RPT_L9"):
        assembly.assemble("broken", [unit])


def test_the_canary_stands_with_the_published_tables_and_in_no_program():
    tables = Path(published.__file__).read_text(encoding="utf-8")
    assert tables.index(published.CANARY) < tables.index("LATE_PRETECTUM")
    assert re.fullmatch(r"zfbench canary [0-9a-f-]{36}", published.CANARY)
    root = Path(__file__).parents[3]
    programs = [path for own in ("baselines", "discoverers", "examples") for path in (root / own).rglob("*.py")]
    assert len(programs) > 50
    assert not [path for path in programs if published.CANARY in path.read_text(encoding="utf-8")]
