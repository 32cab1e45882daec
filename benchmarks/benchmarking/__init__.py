"""Workloads, this library and its peers, as `benchmark.py` runs them."""
