"""The known differences between a Keras model and its PyTorch port, each a switchable fault."""

from parity_tests.known_differences import (  # noqa: F401 - importing them fills the catalogue
    data,
    network,
    optimizer,
    penalty,
    reporting,
    schedule,
)
from parity_tests.known_differences.catalogue import CATALOGUE, KnownDifference, PlantedFaults

__all__ = ["CATALOGUE", "KnownDifference", "PlantedFaults"]
