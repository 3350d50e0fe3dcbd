"""Training as most people write it in PyTorch: stock modules, stock RMSprop, a DataLoader."""

import itertools
import threading
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, TensorDataset

from cnn_experiment import Digits, Experiment, Layer
from cnn_experiment.mnist_files import data_root
from peers.turns import Contestant

_ACTIVATIONS: dict[str | None, type[nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "elu": nn.ELU,
}


def _module(layer: Layer) -> nn.Module:
    match layer.kind:
        case "Conv2D":
            height, width, inputs, outputs = layer.kernel_shape
            return nn.Conv2d(inputs, outputs, (height, width))
        case "MaxPooling2D":
            return nn.MaxPool2d(layer.pool_size)
        case "Flatten":
            return nn.Flatten()
        case "Dense":
            inputs, outputs = layer.kernel_shape
            return nn.Linear(inputs, outputs)


class StockNetwork(nn.Sequential):
    """The experiment's network of stock modules, up to the logits, with its loss and optimizer."""

    def __init__(self, experiment: Experiment) -> None:
        modules: list[nn.Module] = []
        for layer in experiment.network.layers():
            modules.append(_module(layer))
            if layer.activation in _ACTIVATIONS:
                modules.append(_ACTIVATIONS[layer.activation]())
        super().__init__(*modules)
        regularizer = experiment.regularizer
        self._strength = 0.0 if regularizer is None else regularizer.strength
        self._momentum = getattr(experiment.optimizer, "momentum", 0.0)

    def loss(self, images_nchw: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy and the L2 penalty of the dense kernels."""
        kernels = [module.weight for module in self if isinstance(module, nn.Linear)]
        penalty = sum((kernel.square().sum() for kernel in kernels), start=0.0)
        return functional.cross_entropy(self(images_nchw), labels) + self._strength * penalty

    def optimizer(self) -> torch.optim.Optimizer:
        """Torch's RMSprop with the experiment's settings."""
        return torch.optim.RMSprop(self.parameters(), alpha=0.9, eps=1e-7, momentum=self._momentum)


def _tensors(digits: Digits) -> TensorDataset:
    images = torch.from_numpy(np.ascontiguousarray(digits.train_images_nhwc.transpose(0, 3, 1, 2)))
    return TensorDataset(images, torch.from_numpy(digits.train_labels))


def _loop(experiment: Experiment, dataset: Dataset[Any]) -> Contestant:
    model = StockNetwork(experiment)
    optimizer = model.optimizer()
    loader = DataLoader(dataset, experiment.batch_size, shuffle=True, drop_last=True)
    endless = itertools.chain.from_iterable(iter(loader) for _ in itertools.count())

    def train(steps: int) -> None:
        total = 0.0
        for pixels, labels in itertools.islice(endless, steps):
            optimizer.zero_grad()
            loss = model.loss(pixels, labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item()

    return train


def dataloader(experiment: Experiment, digits: Digits) -> Contestant:
    """A loop over a DataLoader of tensors that are ready, `.item()` each step."""
    return _loop(experiment, _tensors(digits))


def torchvision_loader(experiment: Experiment, digits: Digits) -> Any:  # noqa: ARG001
    """The same loop, on torchvision's MNIST: each image converted and normalised when asked for."""
    from torchvision.datasets import MNIST
    from torchvision.transforms import Compose, Normalize, ToTensor

    steps = Compose([ToTensor(), Normalize((0.1307,), (0.3081,))])
    return _loop(experiment, MNIST(data_root(), train=True, transform=steps))


def lightning(experiment: Experiment, digits: Digits) -> Contestant:
    """Lightning's Trainer on a DataLoader of tensors, without logger, checkpoints and bar.

    Its one `fit` runs in a thread, which waits before each batch until it may go on.
    """
    from lightning.pytorch import Callback, LightningModule, Trainer

    allowed, done = threading.Semaphore(0), threading.Semaphore(0)

    class Module(LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = StockNetwork(experiment)

        def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:  # noqa: ARG002
            return self.network.loss(*batch)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return self.network.optimizer()

    class Turns(Callback):  # type: ignore[misc]
        def on_train_batch_start(self, *_: Any) -> None:
            allowed.acquire()

        def on_train_batch_end(self, *_: Any) -> None:
            done.release()

    trainer = Trainer(
        accelerator="cpu",
        max_epochs=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Turns()],
    )
    loader = DataLoader(_tensors(digits), experiment.batch_size, shuffle=True, drop_last=True)
    threading.Thread(target=trainer.fit, args=(Module(), loader), daemon=True).start()

    def train(steps: int) -> None:
        allowed.release(steps)
        for _ in range(steps):
            done.acquire()

    return train
