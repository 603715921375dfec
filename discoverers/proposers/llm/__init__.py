"""A language model behind any OpenAI-compatible endpoint as a proposer."""
