"""Grammars of simulator programs: a frame with slots, each filled from a list of alternatives."""
