"""Forecasting baselines and controls: the reference rows with which every discovery method is compared."""
