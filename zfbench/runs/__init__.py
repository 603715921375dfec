"""Functions that lead from names to results: plans, searches, judging, resuming and replaying."""
