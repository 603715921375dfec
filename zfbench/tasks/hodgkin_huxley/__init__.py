"""The task `hodgkin_huxley`: which ion channels a neuron has."""
