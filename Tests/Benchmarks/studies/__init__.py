"""The studies of Tests/Benchmarks/Results: how each is measured, and its tables."""
