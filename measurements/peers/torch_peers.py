"""Peers in PyTorch, as most people write a training: stock modules, RMSprop, a DataLoader."""

import itertools
import os
import threading
import traceback
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.utils.data import DataLoader, Dataset, TensorDataset

from cnn_experiment import Experiment, Layer, load_mnist
from cnn_experiment.data.mnist_files import data_root
from measurements.peers.turns import Contestant

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
    """The experiment's network from stock modules, up to the logits, with loss and optimizer."""

    def __init__(self, experiment: Experiment) -> None:
        modules: list[nn.Module] = []
        kernels: list[Tensor] = []
        for layer in experiment.network.layers():
            modules.append(_module(layer))
            if f"{layer.name}/kernel" in experiment.regularized_kernels():
                kernels.append(modules[-1].get_parameter("weight"))
            if layer.activation in _ACTIVATIONS:
                modules.append(_ACTIVATIONS[layer.activation]())
        super().__init__(*modules)
        self._experiment = experiment
        self._kernels = tuple(kernels)

    def loss(self, images_nchw: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy plus the L2 penalty."""
        regularizer = self._experiment.regularizer
        strength = 0.0 if regularizer is None else regularizer.strength
        penalty = sum((kernel.square().sum() for kernel in self._kernels), start=0.0)
        logits: Tensor = self.forward(images_nchw)  # type: ignore[no-untyped-call]
        return functional.cross_entropy(logits, labels) + strength * penalty

    def optimizer(self) -> tuple[Optimizer, LRScheduler]:
        """Return torch's RMSprop with the experiment's settings, and its schedule by step."""
        settings, schedule = self._experiment.optimizer, self._experiment.schedule
        optimizer = torch.optim.RMSprop(
            self.parameters(),
            lr=schedule.initial_learning_rate,
            alpha=getattr(settings, "rho", 0.9),
            eps=settings.epsilon,
            momentum=getattr(settings, "momentum", 0.0),
        )
        steps = getattr(schedule, "decay_steps", 1.0)
        rate = getattr(schedule, "decay_rate", 0.0)
        return optimizer, LambdaLR(optimizer, lambda step: 1 / (1 + rate * step / steps))


def _tensors(experiment: Experiment) -> TensorDataset:
    digits = load_mnist(experiment)
    images = torch.from_numpy(np.ascontiguousarray(digits.train_images_nhwc.transpose(0, 3, 1, 2)))
    return TensorDataset(images, torch.from_numpy(digits.train_labels))


def _loop(experiment: Experiment, dataset: Dataset[Any]) -> Contestant:
    model = StockNetwork(experiment)
    optimizer, schedule = model.optimizer()
    loader = DataLoader(dataset, experiment.batch_size, shuffle=True, drop_last=True)
    endless = itertools.chain.from_iterable(iter(loader) for _ in itertools.count())

    def train(steps: int) -> float:
        total = 0.0
        for pixels, labels in itertools.islice(endless, steps):
            optimizer.zero_grad()
            loss = model.loss(pixels, labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += loss.item()
        return total / steps

    return train


def dataloader(experiment: Experiment) -> Contestant:
    """Return a loop over a DataLoader of prepared tensors, with `.item()` in each step."""
    return _loop(experiment, _tensors(experiment))


def torchvision_loader(experiment: Experiment) -> Contestant:
    """Return the same loop on torchvision's MNIST, which converts each image on access."""
    from torchvision.datasets import MNIST
    from torchvision.transforms import Compose, Normalize, ToTensor

    steps = Compose([ToTensor(), Normalize((0.1307,), (0.3081,))])
    return _loop(experiment, MNIST(data_root(), train=True, transform=steps))


def lightning(experiment: Experiment) -> Contestant:
    """Return Lightning's Trainer on a DataLoader of tensors, without logger, checkpoints and bar.

    A single `fit` runs in a thread. Before each batch it waits until the next turn allows it.
    """
    from lightning.pytorch import Callback, LightningModule, Trainer

    allowed, done = threading.Semaphore(0), threading.Semaphore(0)
    losses: list[Tensor] = []

    class Module(LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.network = StockNetwork(experiment)

        def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:  # noqa: ARG002
            loss = self.network.loss(*batch)
            losses.append(loss.detach())
            return loss

        def configure_optimizers(self) -> dict[str, Any]:
            optimizer, schedule = self.network.optimizer()
            by_step = {"scheduler": schedule, "interval": "step"}
            return {"optimizer": optimizer, "lr_scheduler": by_step}

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
    loader = DataLoader(_tensors(experiment), experiment.batch_size, shuffle=True, drop_last=True)

    def fit() -> None:
        try:
            trainer.fit(Module(), loader)
        except BaseException:  # or else `train` would wait for a batch forever
            traceback.print_exc()
            os._exit(1)

    threading.Thread(target=fit, daemon=True).start()

    def train(steps: int) -> float:
        losses.clear()
        allowed.release(steps)
        for _ in range(steps):
            done.acquire()
        return torch.stack(losses).mean().item()

    return train
