"""The two choices of training that every family offers."""

from __future__ import annotations

from zfbench.forecasting.contract import LEARNING_RATES, LOSSES, TrainingChoice

Choice = str | int | float

TRAINING_GENES: dict[str, tuple[Choice, ...]] = {"loss": tuple(LOSSES), "learning_rate": LEARNING_RATES}
ROLLOUT_RATE = TrainingChoice(loss="rollout").resolve(recurrent=True, updates=0)[1]


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
    for gene, choice in (("loss", loss), ("learning_rate", learning_rate)):
        if choice not in TRAINING_GENES[gene]:
            raise ValueError(f"there is no {gene} {choice!r}")
