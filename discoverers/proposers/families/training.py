"""The two choices of training that every family offers.

A family begins with one way of fitting single steps and then rollouts, and may change to three other losses. Which one
it begins with was measured on programs of its kind (docs/identify.md).
"""

from __future__ import annotations

from collections.abc import Collection

from zfbench.forecasting.contract import LEARNING_RATES, LOSSES, TrainingChoice

Choice = str | int | float

ROLLOUT_RATE = TrainingChoice(loss="rollout").resolve(recurrent=True, updates=0)[1]


def training_genes(first: str) -> dict[str, tuple[Choice, ...]]:
    """Return the losses and the learning rates that a family draws from, its usual loss first."""
    return {"loss": (first, "rollout", "one_step", "robust_curriculum"), "learning_rate": LEARNING_RATES}


def settled(loss: str, learning_rate: float, recurrent: bool) -> tuple[str, float]:
    """These choices, but memory is trained by rollouts, at no more than their usual rate.

    Single steps give memory no signal: see `TrainingChoice.resolve`.
    """
    if not recurrent or loss == "rollout":
        return loss, learning_rate
    return "rollout", min(learning_rate, ROLLOUT_RATE)


def check_training(loss: object, learning_rate: object) -> None:
    """Nothing if the trainer offers both.

    Raises:
        ValueError: it does not.
    """
    known: dict[str, Collection[object]] = {"loss": LOSSES, "learning_rate": LEARNING_RATES}
    for gene, choice in (("loss", loss), ("learning_rate", learning_rate)):
        if choice not in known[gene]:
            raise ValueError(f"there is no {gene} {choice!r}")
