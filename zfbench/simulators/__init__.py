"""The second kind of task: simulators with parameters, scored by their marginal likelihood."""
