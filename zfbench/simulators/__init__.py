"""The kind of task whose programs are stochastic simulators, which are scored by their marginal likelihood."""
