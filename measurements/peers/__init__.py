"""The peers of the benchmark: other ways to train the same network, written as users write them."""

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
