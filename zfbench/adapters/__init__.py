"""Adapters for systems that own their search loop, each behind an optional extra of its name."""
