"""Where the evaluations of a search run."""
