"""The task `sir`: find out which epidemic model made the data."""
