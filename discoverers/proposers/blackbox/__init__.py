"""The black-box family: networks that know nothing of neuron groups. It does not contain the true circuit."""
