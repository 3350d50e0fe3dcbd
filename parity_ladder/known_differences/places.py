"""The places where a port may differ, each with what is known there of the reference.

An entry of the catalogue gets such a place and returns what a port with its mistake would show. All
arrays have Keras' names and Keras' layout. Up to the place, both sides agree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parity_ladder.side import Arrays, State, Step

if TYPE_CHECKING:
    import keras
    from torch import nn
    from torch.optim import Optimizer

    from parity_ladder.keras_side import KerasSide
    from parity_ladder.keras_side.watching import LayerCall
    from parity_ladder.known_differences.loss_terms import Term
    from parity_ladder.pairing import Pairs
    from parity_ladder.torch_side import TorchSide

Array = NDArray[Any]


@dataclass(frozen=True)
class Place:
    """What is known at every place."""

    reference: "KerasSide"
    port: "TorchSide"
    state: State
    """The state before the step, which both sides begin at."""
    batch: tuple[Any, ...]
    """`(x, y)` or `(x, y, sample_weight)`."""
    theirs: Step
    """What the reference made of it."""
    array: str
    """The name of the array that differs first, such as `conv2d` or `velocity/dense/kernel`."""

    @property
    def model(self) -> "keras.Model":
        """The Keras model; its layers, its loss and its optimizer tell their settings."""
        return self.reference.model

    @property
    def optimizer(self) -> "keras.optimizers.Optimizer":
        """The Keras optimizer; its attributes are its settings, such as `epsilon`."""
        return self.reference.optimizer

    @property
    def ports_optimizer(self) -> "Optimizer":
        """The port's optimizer, whose class and settings may tell what it computes."""
        return self.port.optimizer

    @property
    def pairs(self) -> "Pairs":
        """What goes with what."""
        return self.port.pairs


@dataclass(frozen=True)
class LayerPlace(Place):
    """The first layer whose output differs. Its inputs agree."""

    layer: "keras.layers.Layer"
    """The Keras layer; its attributes are its settings, such as `strides` and `padding`."""
    inputs: tuple[Array, ...]
    """The arrays that went into the layer."""
    output: Array
    """The layer's output in Keras."""
    ours: Array
    """The layer's output in the port, in Keras' layout; it may have another shape."""
    module: "nn.Module | None"
    """The PyTorch module that the layer is paired with, if there is one."""
    calls: "Sequence[LayerCall]"
    """All calls of layers in Keras' forward pass, in their order."""

    @cached_property
    def weights(self) -> Mapping[str, Array]:
        """The layer's variables by their short names, such as `kernel` and `gamma`."""
        names = {id(variable): name for name, variable in self.reference.variables.items()}
        return {
            variable.name: self.state.weights[names[id(variable)]]
            for variable in self.layer.variables
            if id(variable) in names
        }

    def maker(self) -> "LayerCall | None":
        """Return the call whose output goes into this layer; None for an input of the model."""
        for call in reversed(self.calls):
            if call.layer is not self.layer and any(
                np.array_equal(output, self.inputs[0]) for output in call.outputs
            ):
                return call
        return None

    def users(self) -> "list[LayerCall]":
        """Return the calls of the layers that the layer's output goes into."""
        return [
            call
            for call in self.calls
            if any(np.array_equal(array, self.output) for array in call.inputs)
        ]


@dataclass(frozen=True)
class StatisticsPlace(LayerPlace):
    """A statistic that differs after the step, such as `moving_variance`, though outputs agree.

    `output` and `ours` are the statistic after the step, not the layer's output.
    """

    before: Array
    """The statistic before the step."""


@dataclass(frozen=True)
class LossPlace(Place):
    """The loss differs, though all outputs of layers agree."""

    predictions: Any
    """What the model returned, as arrays."""
    logits: Array | None
    """What went into the softmax or sigmoid that makes the predictions, if one does."""
    ours: Arrays
    """What the port shows on the rung, such as its `loss`."""

    @cached_property
    def terms(self) -> "list[Term]":
        """What each output of the model adds to the loss, with its labels and weights."""
        from parity_ladder.known_differences.whole_loss import terms_of

        return terms_of(self)

    def nearest(self, candidates: Sequence[Mapping[str, float] | None]) -> Any:
        """Return the losses next to the port's, for a mistake that can be made in several ways."""
        known = [each for each in candidates if each is not None and self.array in each]
        ours = float(self.ours[self.array])
        return min(known, key=lambda each: abs(each[self.array] - ours), default=None)


@dataclass(frozen=True)
class GradientsPlace(Place):
    """A gradient differs, though the loss agrees. Variants return gradients by name."""

    ours: Arrays
    """The port's gradients."""


@dataclass(frozen=True)
class ClippingPlace(Place):
    """A gradient differs after clipping, though it agrees before. Variants return gradients."""

    ours: Arrays
    """The port's gradients after clipping."""


@dataclass(frozen=True)
class RatePlace(Place):
    """The learning rate differs. Variants return a rate."""

    steps_per_epoch: int
    """The number of batches in the climb."""


@dataclass(frozen=True)
class UpdatePlace(Place):
    """What the optimizer keeps, or a weight, differs after the update; gradients and rate agree.

    Variants return arrays by name: weights such as `dense/kernel`, or what the optimizer keeps such
    as `momentum/dense/kernel`. What they leave out is not compared.
    """

    gradients: Arrays
    """The gradients as the optimizer's equation gets them, after clipping."""
    rate: float

    def slot(self, name: str, variable: str) -> Array:
        """Return what the optimizer kept before the step, such as `slot("velocity", variable)`."""
        return self.state.optimizer[f"{name}/{variable}"]


@dataclass(frozen=True)
class ShapesPlace:
    """Variables differ in number or shape. Variants return whether the mistake is theirs."""

    pairs: "Pairs"
    model: "keras.Model"
    module: "nn.Module"
    array: str


@dataclass(frozen=True)
class MetricsPlace:
    """A metric of the epoch differs. Variants return metrics by name."""

    reference: "KerasSide"
    steps: tuple[Step, ...]
    """The reference's steps, with `loss`, `size` and `returned`: (y, predictions, weights)."""
    theirs: Mapping[str, float]
    ours: Mapping[str, float]
    array: str

    @cached_property
    def by_batch(self) -> list[Mapping[str, float]]:
        """What Keras would report of each batch alone."""
        return [self.reference.epoch_metrics([step]) for step in self.steps]
