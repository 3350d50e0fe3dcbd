"""What people would train with instead, for the benchmark: each as its users would write it."""

from peers.contestants import CONTROL, PEERS, VARIANTS, Contestant, build, multiplications

__all__ = ["CONTROL", "PEERS", "VARIANTS", "Contestant", "build", "multiplications"]
