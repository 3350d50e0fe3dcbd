"""The smallest pieces of a network that are paired: a Keras layer's or a PyTorch module's."""

from collections.abc import Mapping
from dataclasses import dataclass

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """A variable of a unit, or a block of a larger tensor."""

    name: str
    """The name of the variable or tensor."""
    shape: Shape
    """The shape of the part."""
    first: int | None = None
    """Where the block begins on the first axis of the tensor; None for the whole tensor."""
    also: str | None = None
    """A second tensor that the layer adds to this one, such as the second bias of an LSTM."""
    axes: tuple[int, ...] | None = None
    """The order of the tensor's axes in which it is Keras' variable, if it was said by hand."""

    @property
    def block(self) -> slice | None:
        """The block on the first axis; None for the whole tensor."""
        return None if self.first is None else slice(self.first, self.first + self.shape[0])

    def __str__(self) -> str:
        block = "" if self.first is None else f"[{self.first}:{self.first + self.shape[0]}]"
        return f"{self.name}{block}" + (f" + {self.also}" if self.also else "")


@dataclass(frozen=True)
class Unit:
    """Variables that belong together, such as the kernel and the bias of a dense layer.

    A layer may have several: a separable convolution has two, an LSTM of two layers and two
    directions in PyTorch has four.
    """

    name: str
    """The layer's or module's name."""
    layer: str
    """The name of its class."""
    kind: str
    """What it computes, in words of this package; empty for a kind that is not known here."""
    parts: Mapping[str, Part]
    """The variables by their role, for which Keras' names are used: `kernel`, `gamma`, ..."""
    because: str = ""
    """Why it has no counterpart in the other framework; empty if it has one."""

    def is_of(self, layer: str) -> bool:
        """Return whether the unit is this layer, or a part of it, such as one of its directions."""
        return self.name == layer or self.name.startswith(f"{layer}/")
