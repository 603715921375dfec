"""The rate family: a typed model for each neuron group. It contains the true circuit, among many others."""
