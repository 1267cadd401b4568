"""A model backend without a model, for tests and benchmarks."""
