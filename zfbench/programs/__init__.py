"""Candidate programs: what they must define, the one trainer they share, the process they run in."""
