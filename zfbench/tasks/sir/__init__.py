"""The task `sir`: which epidemic model made the data."""
