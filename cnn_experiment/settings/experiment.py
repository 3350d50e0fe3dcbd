"""One experiment as one frozen value: everything that decides a run, and nothing else."""

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
    """Which MNIST images train and which test.

    `pooled` (article II): all 70,000 images standardised per pixel, shuffled by the seed, the first
    60,000 to train. `official`: MNIST's own split, scaled to [0, 1]. Smaller counts take the first
    images of each part.
    """

    protocol: Literal["pooled", "official"] = "pooled"
    train_images: Annotated[int, Field(ge=1, le=60_000)] = 60_000
    test_images: Annotated[int, Field(ge=1, le=10_000)] = 10_000


class Experiment(Value):
    """A training run, complete: the same value gives the same run in either backend."""

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
    """`bfloat16`: PyTorch computes the layers in bfloat16 on float32 weights, and updates these in
    float32. Faster, and no longer the same computation as Keras'."""

    @model_validator(mode="after")
    def _mixes_with_float32_alone(self) -> Self:
        if self.precision == "bfloat16" and self.dtype != "float32":
            raise ValueError(
                f"precision bfloat16 with dtype {self.dtype}; accepted: with dtype float32"
            )
        return self

    @property
    def steps_per_epoch(self) -> int:
        """Count of updates in one epoch; the last batch may be short."""
        return -(-self.data.train_images // self.batch_size)

    def regularized_kernels(self) -> tuple[str, ...]:
        """Neutral names of the kernels that the regularizer is laid on."""
        if self.regularizer is None:
            return ()
        layers = [layer for layer in self.network.layers() if layer.kernel_shape]
        return tuple(
            f"{layer.name}/kernel"
            for layer in layers
            if _part_of(layer, is_last=layer is layers[-1]) in self.regularizer.layers
        )

    def initial_optimizer_state(self) -> Variables:
        """The optimizer's state before the first update, as `velocity/conv2d_1/kernel`.

        Nadam keeps one number more, under `u_product`.
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
