"""What `scripts/benchmark.py` runs: workloads, ours and the peers' updates."""
