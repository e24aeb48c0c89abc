"""The studies in Tests/Benchmarks/Results: a module per study, which measures it and makes its tables."""
