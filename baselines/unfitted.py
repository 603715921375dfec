"""The base of baselines that learn nothing from data."""

from __future__ import annotations

from zfbench.protocols.models import Baseline
from zfbench.records.limits import Limits
from zfbench.records.recordings import LabelledWindows, Recording


class Unfitted(Baseline):
    """A baseline with nothing to fit, and nothing to draw."""

    depends_on_seed = False

    def fit(self, train: tuple[Recording, ...], validation: LabelledWindows, limits: Limits) -> None:
        """Do nothing: there is nothing to fit.

        Args:
            train: not used.
            validation: not used.
            limits: not used.
        """
