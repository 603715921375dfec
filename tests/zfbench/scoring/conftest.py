"""A linear system a(t) = A a(t-1) + B x(t): every probe has a closed form to check against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine must not fail a property
settings.load_profile("untimed")


@dataclass(frozen=True)
class LinearSystem:
    A: np.ndarray
    B: np.ndarray

    def predict(self, context, drive, clamp_mask=None, clamp_value=None):
        """[B, C, N], [B, C + H, D] -> [B, H, N]; held neurons are overwritten after every step."""
        a, out = context[:, -1], []
        for t in range(context.shape[1], drive.shape[1]):
            a = a @ self.A.T + drive[:, t] @ self.B.T
            if clamp_mask is not None:
                a = np.where(clamp_mask, clamp_value, a)
            out.append(a)
        return np.stack(out, axis=1)

    def windows(self, rng, n, C=3, H=1):
        """Contexts [n, C, N] and drives [n, C + H, D]."""
        N, D = self.B.shape
        return rng.random((n, C, N)), rng.random((n, C + H, D))


@pytest.fixture(scope="session")
def linear():
    def make(seed, N=5, D=2, radius=0.9):
        rng = np.random.default_rng(seed)
        A = rng.normal(size=(N, N))
        A *= radius / np.abs(np.linalg.eigvals(A)).max()
        return LinearSystem(A, rng.normal(size=(N, D)))

    return make
