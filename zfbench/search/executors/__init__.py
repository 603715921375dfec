"""Executors, which run the evaluations of a search."""
