"""Simulated annealing, a proposer and a baseline for zfbench."""
