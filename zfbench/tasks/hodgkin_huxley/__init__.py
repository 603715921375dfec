"""The task `hodgkin_huxley`: find out which ion channels a neuron has."""
