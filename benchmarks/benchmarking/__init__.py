"""What `benchmarks/benchmark.py` runs: workloads, ours and the peers' updates."""
