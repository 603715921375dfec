"""Forecasting baselines and controls: the rows every discovery method is read against."""
