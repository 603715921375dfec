"""The true circuit, damaged in graded ways, and the headline scores of what is left.

Each kind of damage takes a circuit, a dose and a generator. Doses ascend; the largest leave little of what they damage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from zfbench.forecasting.judge_wiring import judge_wiring
from zfbench.forecasting.probes import Range, choose_states, effects, impulses
from zfbench.forecasting.sealed import SealedTest
from zfbench.records.scores import Scores
from zfbench.scoring import headline
from zfbench.scoring.blocks import energies, score_cross, together
from zfbench.scoring.headline import Headline, cross_group
from zfbench.tasks.zfish.truth import TrueModel
from zfbench.testbed.circuit import Circuit

STATES, HORIZON = 12, 64  # half of the judge's states and a quarter of its horizon, for time


def _edges(circuit: Circuit) -> np.ndarray:
    """Pairs (target, source) that are wired by weights or modulations, [E, 2]; gates are a kind of their own."""
    wired = (circuit.weights != 0) & ~np.eye(len(circuit.neurons), dtype=bool)
    for m in circuit.modulations:
        wired[m.target, m.source] = True
    return np.argwhere(wired)


def _scale_edges(circuit: Circuit, factor: np.ndarray) -> Circuit:
    """Multiply each edge, its modulations included, by an entry of [N, N]."""
    return replace(
        circuit,
        name="damaged",
        weights=circuit.weights * factor,
        modulations=tuple(
            replace(m, coefficient=m.coefficient * factor[m.target, m.source]) for m in circuit.modulations
        ),
    )


def _some_edges(circuit: Circuit, share: float, rng: np.random.Generator, value: float) -> np.ndarray:
    """[N, N], one value at a drawn share of the edges and 1 elsewhere."""
    edges, factor = _edges(circuit), np.ones_like(circuit.weights)
    chosen = edges[rng.permutation(len(edges))[: round(share * len(edges))]]
    factor[chosen[:, 0], chosen[:, 1]] = value
    return factor


def weights(circuit: Circuit, dose: float, rng: np.random.Generator) -> Circuit:
    """Every weight times 1 + dose times a normal number."""
    factor = 1 + dose * rng.normal(size=circuit.weights.shape)
    np.fill_diagonal(factor, 1)
    return _scale_edges(circuit, factor)


def signs(circuit: Circuit, dose: float, rng: np.random.Generator) -> Circuit:
    """That share of the edges with the opposite sign."""
    return _scale_edges(circuit, _some_edges(circuit, dose, rng, -1.0))


def missing(circuit: Circuit, dose: float, rng: np.random.Generator) -> Circuit:
    """That share of the edges gone."""
    return _scale_edges(circuit, _some_edges(circuit, dose, rng, 0.0))


def false_edges(circuit: Circuit, dose: float, rng: np.random.Generator) -> Circuit:
    """That many false edges for each true one, between groups, with the weights of true ones."""
    free = np.argwhere(cross_group(circuit.groups) & (circuit.wiring == 0))
    chosen = free[rng.permutation(len(free))[: round(dose * len(_edges(circuit)))]]
    true = circuit.weights[(circuit.weights != 0) & ~np.eye(len(circuit.neurons), dtype=bool)]
    added = circuit.weights.copy()
    added[chosen[:, 0], chosen[:, 1]] = rng.choice(true, len(chosen))
    return replace(circuit, name="damaged", weights=added)


def time_constants(circuit: Circuit, dose: float, rng: np.random.Generator) -> Circuit:
    """Every leak times 2 to the power of dose times a normal number, at most 1."""
    alpha = np.minimum(circuit.alpha * 2.0 ** (dose * rng.normal(size=circuit.alpha.shape)), 1.0)
    return replace(circuit, name="damaged", alpha=np.where(np.array(circuit.kinds) == "linear", circuit.alpha, alpha))


def _weaker(dose: float, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Factors of 1 - dose, within half of the dose, and never below 0."""
    return np.maximum(1 - dose * rng.uniform(0.5, 1.5, shape), 0.0)


def nonlinearity(circuit: Circuit, dose: float, rng: np.random.Generator) -> Circuit:
    """Flatter sigmoids: slopes times about 1 - dose."""
    factor = _weaker(dose, rng, circuit.omega.shape)
    return replace(
        circuit, name="damaged", omega=circuit.omega * factor, omega_drive=circuit.omega_drive * factor[:, None]
    )


def gates(circuit: Circuit, dose: float, rng: np.random.Generator) -> Circuit:
    """Weaker gates: gains times about 1 - dose."""
    factor = _weaker(dose, rng, (len(circuit.gates),))
    weaker = tuple(replace(g, gain=g.gain * f) for g, f in zip(circuit.gates, factor, strict=True))
    return replace(circuit, name="damaged", gates=weaker)


def gate_kind(circuit: Circuit, dose: float, rng: np.random.Generator) -> Circuit:
    """The product in place of the minimum; there is one dose only."""
    return replace(circuit, name="damaged", gates=tuple(replace(g, kind="product") for g in circuit.gates))


def gain_control(circuit: Circuit, dose: float, rng: np.random.Generator) -> Circuit:
    """Less adaptation of slope and bias to the drive."""
    factor = _weaker(dose, rng, circuit.omega_drive.shape)
    return replace(
        circuit, name="damaged", omega_drive=circuit.omega_drive * factor, bias_drive=circuit.bias_drive * factor
    )


def bout_suppression(circuit: Circuit, dose: float, rng: np.random.Generator) -> Circuit:
    """Less slowing of the visual input during a bout."""
    return replace(
        circuit, name="damaged", leak_drive=circuit.leak_drive * _weaker(dose, rng, circuit.leak_drive.shape)
    )


Damage = Callable[[Circuit, float, np.random.Generator], Circuit]
SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
DAMAGES: dict[Damage, tuple[float, ...]] = {  # with their doses
    weights: (0.1, 0.3, 1.0, 3.0, 10.0),
    signs: (0.02, 0.07, 0.2, 0.5, 1.0),
    missing: (0.02, 0.07, 0.2, 0.5, 1.0),
    false_edges: (0.02, 0.07, 0.2, 0.7, 2.0),
    time_constants: (0.1, 0.3, 1.0, 2.0, 4.0),
    nonlinearity: SHARES,
    gates: SHARES,
    gate_kind: (1.0,),
    gain_control: SHARES,
    bout_suppression: SHARES,
}


class Ruler:
    """The headline scores of circuits in place of the true one.

    Args:
        sealed: the test.
    """

    def __init__(self, sealed: SealedTest) -> None:
        self._sealed, self._whole, self._range = sealed, choose_states(sealed, STATES), Range.of(sealed)
        self._short = self._whole.cut(1, HORIZON)
        self._truth = self._answers(sealed.truth)

    def score(self, circuit: Circuit, seed: int) -> dict[str, Headline]:
        """Headline scores by name, their mean included; the seed draws step sizes."""
        model, windows = TrueModel(circuit), self._sealed.ood
        context, target, groups = windows.inputs.context, windows.target, self._sealed.spec.groups
        last = np.broadcast_to(context[:, -1:], target.shape)
        blocks = []
        for mine, truth in zip(self._answers(model), self._truth, strict=True):
            blocks.append(score_cross(together([energies(mine[kind], truth[kind]) for kind in truth]), groups))
        rng = np.random.default_rng(seed)
        found = {
            "generalisation": headline.generalisation(
                model.rollout(context, windows.inputs.drive), target, last, groups
            ),
            "wiring": judge_wiring(model, self._sealed, self._whole, 1, rng, Scores()),
            "responses": headline.responses(*blocks),
        }
        return found | {"mean": headline.mean(list(found.values()))}

    def _answers(self, model: TrueModel) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Responses to impulses, and to each kind of intervention."""
        context, drive = self._short.context, self._short.drive
        kicked = impulses(model, context, drive, self._range)[0]
        held = effects(model, context, drive, self._range)
        return {"impulse": kicked}, {kind: held.of(kind) for kind in held.kinds}
