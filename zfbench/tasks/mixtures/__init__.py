"""The task `mixtures`: which of 20 Gaussian mixtures made the data."""
