"""The engine: what a candidate computes as data, and the clean processes that evaluate it."""
