"""From names to results: plans, searches, judging, resuming and replaying."""
