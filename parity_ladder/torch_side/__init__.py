"""Any PyTorch module with its own training step as the port of a climb. Loads PyTorch."""

from parity_ladder.torch_side.side import TorchSide

__all__ = ["TorchSide"]
