"""What people would train with instead, for the benchmark: each as its users would write it."""

from measurements.peers.contestants import (
    CONTROL,
    PEERS,
    VARIANTS,
    must_be_comparable,
    must_be_peers,
)
from measurements.peers.operations import multiplications

__all__ = [
    "CONTROL",
    "PEERS",
    "VARIANTS",
    "multiplications",
    "must_be_comparable",
    "must_be_peers",
]
