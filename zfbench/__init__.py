"""zfbench: does a method for discovering mechanistic models discover the mechanism?"""

__version__ = "0.1.0"
