"""Grammars of simulator programs: a frame with slots, each of which is filled from a list of alternatives."""
