"""Probes are asked in parts; how large a part is changes no answer, to the last bit."""

import numpy as np
import pytest

import zfbench.baselines.programs
from zfbench.forecasting import probes
from zfbench.forecasting.contract import WINDOWS_PER_CALL
from zfbench.forecasting.fit import fit_program
from zfbench.records.clamp import roll
from zfbench.records.limits import Limits
from zfbench.sandbox.process import ProcessSandbox

STATES = 15  # times six neurons, no whole number of calls, and a part ends inside of a state
WITHIN = probes.Range(np.full(6, -1, np.float32), np.full(6, 2, np.float32))
SIZES = np.array([0.01, 0.1])


def answers(model, context, drive):
    """All that the three kinds of probes return."""
    kicks = probes.kick(model.rollout, context, drive, SIZES, steps=3, depth=2)
    responses, clipped = probes.impulses(model, context, drive, WITHIN)
    effects = probes.effects(model, context, drive, WITHIN)
    arrays = [a for k in kicks for a in (k.central, k.sides)] + [responses, effects.pooled]
    return arrays, (clipped, effects.clipped)


class Counts:
    """A leaky map that counts the rows of its calls."""

    def __init__(self):
        self.rows = []

    def rollout(self, context, drive, clamp=None):
        self.rows.append(len(context))
        return roll(lambda a, x: 0.9 * a, context, drive, clamp)


@pytest.mark.parametrize("name", ["driven_mlp", "driven_gru"])
def test_parts_of_one_call_are_answered_as_all_probes_at_once(system, monkeypatch, name):
    context, drive = system.context[:STATES], system.drive[:STATES]
    source = zfbench.baselines.programs.source(name)
    with fit_program(
        source, system.unmasked, system.train, Limits(updates=4, seconds=120), 0, ProcessSandbox()
    ) as fitted:
        whole, clipped = answers(fitted, context, drive)
        monkeypatch.setattr(probes, "PART", 1)
        parts, clipped_in_parts = answers(fitted, context, drive)
    assert clipped == clipped_in_parts
    assert any(a.any() for a in whole)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_part_is_whole_calls_and_keeps_to_its_bytes(system, monkeypatch):
    context, drive = system.context[:STATES], system.drive[:STATES]
    row = context[0].nbytes + drive[0].nbytes
    monkeypatch.setattr(probes, "PART", 2 * WINDOWS_PER_CALL * row + 1)
    model = Counts()
    probes.impulses(model, context, drive, WITHIN)
    assert model.rows == [128, 2 * 6 * STATES - 128, STATES]


def test_the_first_step_after_a_kick_is_read_on_both_sides(system):
    context, drive = system.context[:STATES], system.drive[:STATES]
    (kicks,) = probes.kick(Counts().rollout, context, drive, SIZES[1:], steps=2)
    expected = np.broadcast_to(0.9 * np.eye(6), (STATES, 6, 6))
    np.testing.assert_allclose(kicks.central[:, 0], expected, atol=1e-5)
    np.testing.assert_allclose(kicks.central[:, 1], 0.9 * expected, atol=1e-5)
    for side in kicks.sides:
        np.testing.assert_allclose(side, expected, atol=1e-5)
