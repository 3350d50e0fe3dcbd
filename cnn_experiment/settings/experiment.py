"""An experiment as one frozen value: everything that determines a run, and nothing else."""

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from cnn_experiment.settings.network import Layer, Network
from cnn_experiment.settings.optimizers import Optimizer, RMSprop
from cnn_experiment.settings.regularizers import Regularized, Regularizer
from cnn_experiment.settings.schedules import ConstantRate, Schedule
from cnn_experiment.value import Size, Value
from cnn_experiment.variables import Variables


class Data(Value):
    """Which MNIST images are for training and which for testing.

    `pooled` (article II): all 70,000 images are standardised per pixel and shuffled by the split's
    seed; the first 60,000 are for training. `official`: MNIST's own split, scaled to [0, 1].
    Smaller numbers of images take the first ones of each part.
    """

    protocol: Literal["pooled", "official"] = "pooled"
    train_images: Annotated[int, Field(ge=1, le=60_000)] = 60_000
    test_images: Annotated[int, Field(ge=1, le=10_000)] = 10_000
    split_seed: Annotated[int, Field(ge=0)] | None = None
    """Shuffles the pooled images; None: the experiment's seed, which otherwise draws only the
    initial weights and the batches then. See `Experiment.seed_of_the_split`."""

    @model_validator(mode="after")
    def _only_pooled_images_are_split(self) -> Self:
        if self.split_seed is not None and self.protocol == "official":
            raise ValueError(
                f"split_seed {self.split_seed} with protocol official; accepted: with pooled"
            )
        return self


class Experiment(Value):
    """All settings of a training run: the same value gives the same run in both backends."""

    network: Network
    optimizer: Optimizer = RMSprop()
    schedule: Schedule = ConstantRate()
    regularizer: Regularizer | None = None
    data: Data = Data()
    epochs: Size
    batch_size: Size = 64
    seed: Annotated[int, Field(ge=0)] = 0
    dtype: Literal["float32", "float64"] = "float32"
    precision: Literal["full", "bfloat16"] = "full"
    """`bfloat16`: PyTorch computes the layers in bfloat16 from float32 weights, and updates the
    weights in float32. It is faster, but no longer the same computation as in Keras."""

    @model_validator(mode="after")
    def _bfloat16_needs_float32(self) -> Self:
        if self.precision == "bfloat16" and self.dtype != "float32":
            raise ValueError(
                f"precision bfloat16 with dtype {self.dtype}; accepted: with dtype float32"
            )
        return self

    @property
    def seed_of_the_split(self) -> int:
        """The seed that shuffles the pooled images."""
        return self.seed if self.data.split_seed is None else self.data.split_seed

    @property
    def steps_per_epoch(self) -> int:
        """Number of updates in one epoch; the last batch may be smaller than the others."""
        return -(-self.data.train_images // self.batch_size)

    def regularized_kernels(self) -> tuple[str, ...]:
        """Neutral names of the kernels that are regularized."""
        if self.regularizer is None:
            return ()
        layers = [layer for layer in self.network.layers() if layer.kernel_shape]
        return tuple(
            f"{layer.name}/kernel"
            for layer in layers
            if _part_of(layer, is_last=layer is layers[-1]) in self.regularizer.layers
        )

    def initial_optimizer_state(self) -> Variables:
        """The optimizer's state before the first update, by names like `velocity/conv2d_1/kernel`.

        For Nadam there is also the single number `u_product`.
        """
        shapes = self.network.variable_shapes()
        state = {
            f"{slot}/{name}": np.zeros(shape, self.dtype)
            for slot in self.optimizer.slots
            for name, shape in shapes.items()
        }
        return state | {
            name: np.array(first, self.dtype) for name, first in self.optimizer.scalars.items()
        }


def _part_of(layer: Layer, *, is_last: bool) -> Regularized:
    if layer.kind == "Conv2D":
        return "convolutions"
    return "output" if is_last else "hidden"
