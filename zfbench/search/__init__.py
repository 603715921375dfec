"""The search loop: a discoverer asks, a proposer writes, an evaluator scores; all metered and logged."""
