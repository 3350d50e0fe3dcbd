"""Known differences in the data, in the order of the batches, and in the initial weights."""

from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cnn_experiment import Data, Digits, load_mnist
from cnn_experiment.settings.randomness import split_order
from parity_ladder import Arrays
from parity_tests.known_differences.catalogue import known
from parity_tests.torch_side import TorchPort
from torch_cnn import CNN, neutral_weights


def with_images(digits: Digits, train: NDArray[Any], test: NDArray[Any]) -> Digits:
    """Return the digits with other images and the same labels."""
    return Digits(train, digits.train_labels, test, digits.test_labels)


@known("sample variance", rung="data", source="torch.std divides by n - 1, np.std by n")
class SampleVariance(TorchPort):
    """The images are divided by the sample's standard deviation, not by the population's."""

    def digits(self) -> Digits:
        digits = super().digits()
        factor = np.sqrt((70_000 - 1) / 70_000).astype(digits.train_images_nhwc.dtype)
        return with_images(
            digits, digits.train_images_nhwc * factor, digits.test_images_nhwc * factor
        )


@known("scaled to [0, 1]", rung="data", source="torchvision.transforms.ToTensor")
class ScaledToOne(TorchPort):
    """The images are scaled to [0, 1], not standardised per pixel."""

    def digits(self) -> Digits:
        data = self.experiment.data
        whole = self.experiment.with_changes(data=Data(protocol="official"))
        scaled = load_mnist(whole)
        images = np.concatenate([scaled.train_images_nhwc, scaled.test_images_nhwc])
        if data.protocol == "pooled":
            images = images[split_order(self.experiment.seed_of_the_split, len(images))]
        boundary = len(scaled.train_images_nhwc)
        return with_images(
            super().digits(),
            images[: data.train_images],
            images[boundary : boundary + data.test_images],
        )


@known("labels left behind", rung="data", source="article II shuffles both by one index")
class LabelsLeftBehind(TorchPort):
    """The images are shuffled without their labels."""

    def digits(self) -> Digits:
        digits = super().digits()
        images = digits.train_images_nhwc
        return with_images(digits, np.roll(images, 1, axis=0), digits.test_images_nhwc)


@known("last batch dropped", rung="batches", source="DataLoader(drop_last=True)")
class LastBatchDropped(TorchPort):
    """The last, short batch of an epoch is dropped."""

    def epoch_batches(self, epoch: int) -> list[NDArray[np.int64]]:
        size = self.experiment.batch_size
        return [batch for batch in super().epoch_batches(epoch) if len(batch) == size]


@known("one order for all epochs", rung="batches", source="a permutation drawn before the loop")
class OneOrder(TorchPort):
    """Every epoch takes the batches in the order of the first."""

    def epoch_batches(self, epoch: int) -> list[NDArray[np.int64]]:  # noqa: ARG002
        return super().epoch_batches(0)


@known("not shuffled", rung="batches", source="DataLoader's default is shuffle=False")
class NotShuffled(TorchPort):
    """The batches follow the order of the data, whereas Keras' fit shuffles them."""

    def epoch_batches(self, epoch: int) -> list[NDArray[np.int64]]:
        in_order = np.arange(self.experiment.data.train_images)
        ends = np.cumsum([len(batch) for batch in super().epoch_batches(epoch)])[:-1]
        return np.split(in_order, ends)


class FreshModel(TorchPort):
    """A port whose weights PyTorch initialises, for the known differences below."""

    ending: ClassVar[str]
    """The end of the names of the variables that PyTorch initialises."""

    def fresh(self) -> Arrays:
        with torch.random.fork_rng():
            torch.manual_seed(self.experiment.seed)
            model = CNN(self.experiment)
            for module in model.modules():
                if isinstance(module, nn.Conv2d | nn.Linear):
                    module.reset_parameters()
            return neutral_weights(model)

    def initial_weights(self) -> Arrays:
        fresh = self.fresh()
        return {
            name: fresh[name] if name.endswith(self.ending) else array
            for name, array in super().initial_weights().items()
        }


@known(
    "torch's kernel initialisation",
    rung="initial weights",
    source="nn.Linear.reset_parameters: Kaiming uniform with a = sqrt(5)",
)
class DefaultKernels(FreshModel):
    """The kernels start as PyTorch draws them, not Glorot-uniform."""

    ending = "/kernel"


@known(
    "torch's biases",
    rung="initial weights",
    source="nn.Linear.reset_parameters: uniform within 1 / sqrt(fan in)",
)
class DefaultBiases(FreshModel):
    """The biases start as PyTorch draws them, not at zero."""

    ending = "/bias"


@known(
    "torch's initialisation",
    rung="initial weights",
    source="nn.Linear.reset_parameters, for kernels and biases",
)
class DefaultWeights(FreshModel):
    """The kernels and the biases start as PyTorch draws them."""

    ending = ""
