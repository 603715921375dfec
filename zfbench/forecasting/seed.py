"""The program that searches start from, as source."""

from __future__ import annotations

from importlib.resources import files

SEED_PROGRAM = (files("zfbench.forecasting") / "seed_program.py").read_text(encoding="utf-8")
