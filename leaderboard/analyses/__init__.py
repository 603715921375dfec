"""Analyses of one paper each: what runs say about ion channels, and how a population concentrates on a known model."""
