"""Analyses of single papers: evidence for ion channels, and concentration of a population on a known model."""
