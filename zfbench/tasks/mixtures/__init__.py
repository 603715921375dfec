"""The task `mixtures`: find out which of 20 Gaussian mixtures made the data."""
