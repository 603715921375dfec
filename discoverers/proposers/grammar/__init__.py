"""A typed grammar of per-group neuron models, rendered to plain Flax source."""
