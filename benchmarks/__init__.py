"""Benchmarks: ours, the bare database and, where installed, a peer, in one run."""
