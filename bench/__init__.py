"""The benchmarks: each figure beside its peer, measured in one run on one machine."""
