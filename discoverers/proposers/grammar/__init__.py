"""A grammar of rate models of neuron groups, and a proposer that varies them without a language model."""
