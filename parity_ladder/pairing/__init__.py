"""What goes with what: a Keras model's variables and a PyTorch module's tensors."""

from parity_ladder.pairing.pairs import PairedVariable, Pairs, pair

__all__ = ["PairedVariable", "Pairs", "pair"]
