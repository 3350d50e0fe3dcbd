"""How each peer is imported, built and trained for a few steps.

A contestant is made with an experiment and its digits, and then called with a count of steps. It
goes on through the training images where the last call ended.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cnn_experiment import Digits, Experiment, UserError, batch_order

Contestant = Callable[[int], None]


def batches(experiment: Experiment, digits: Digits) -> Iterator[Any]:
    """Indices of full batches, epoch after epoch."""
    images = len(digits.train_labels)
    for epoch in itertools.count():
        order = batch_order(experiment.seed, epoch, images)
        for begin in range(0, images - experiment.batch_size + 1, experiment.batch_size):
            yield order[begin : begin + experiment.batch_size]


def ours(experiment: Experiment, digits: Digits) -> Contestant:
    """The step of `torch_cnn`, as its `train` takes it."""
    import torch

    import torch_cnn
    from torch_cnn.process import prepare_process
    from torch_cnn.training import images_on_device

    prepare_process()
    model = torch_cnn.build_model(experiment)
    optimizer = torch_cnn.build_optimizer(model)
    schedule = torch_cnn.keras_schedule(optimizer, experiment.schedule)
    images = images_on_device(digits.train_images_nhwc, model)
    labels = torch.from_numpy(digits.train_labels)
    order = batches(experiment, digits)

    def train(steps: int) -> None:
        for batch in itertools.islice(order, steps):
            index = torch.from_numpy(batch)
            torch_cnn.train_step(model, optimizer, images[index], labels[index])
            schedule.step()

    return train


def keras_fit(experiment: Experiment, digits: Digits) -> Contestant:
    """Keras' `fit` on TensorFlow, as `keras_ref` sets it up, on arrays of that many batches."""
    import keras_ref
    from keras_ref.batches import one_hot

    model = keras_ref.build_model(experiment)
    labels = one_hot(digits.train_labels, experiment)
    order = batches(experiment, digits)

    def train(steps: int) -> None:
        index = np.concatenate(list(itertools.islice(order, steps)))
        model.fit(
            digits.train_images_nhwc[index],
            labels[index],
            batch_size=experiment.batch_size,
            shuffle=False,
            verbose=0,
        )

    return train


def dataloader(experiment: Experiment, digits: Digits) -> Contestant:
    """The loop of most examples: DataLoader, stock modules and optimizer, `.item()` each step."""
    import torch
    from torch import nn
    from torch.nn import functional
    from torch.utils.data import DataLoader, TensorDataset

    layers: list[nn.Module] = []
    activations = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "elu": nn.ELU}
    rows = experiment.network.layers()
    for row in rows:
        match row.kind:
            case "Conv2D":
                height, width, inputs, outputs = row.kernel_shape
                layers.append(nn.Conv2d(inputs, outputs, (height, width)))
            case "MaxPooling2D":
                layers.append(nn.MaxPool2d(row.pool_size))
            case "Flatten":
                layers.append(nn.Flatten())
            case "Dense":
                inputs, outputs = row.kernel_shape
                layers.append(nn.Linear(inputs, outputs))
        if row.activation in activations:
            layers.append(activations[row.activation]())
    model = nn.Sequential(*layers)
    strength = 0.0 if experiment.regularizer is None else experiment.regularizer.strength
    kernels = [m.weight for m in model if isinstance(m, nn.Linear)]
    momentum = getattr(experiment.optimizer, "momentum", 0.0)
    optimizer = torch.optim.RMSprop(model.parameters(), alpha=0.9, eps=1e-7, momentum=momentum)
    images = torch.from_numpy(np.ascontiguousarray(digits.train_images_nhwc.transpose(0, 3, 1, 2)))
    dataset = TensorDataset(images, torch.from_numpy(digits.train_labels))
    loader = DataLoader(dataset, experiment.batch_size, shuffle=True, drop_last=True)
    endless = itertools.chain.from_iterable(iter(loader) for _ in itertools.count())

    def train(steps: int) -> None:
        total = 0.0
        for pixels, labels in itertools.islice(endless, steps):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(pixels), labels)
            loss = loss + strength * sum((kernel.square().sum() for kernel in kernels), start=0.0)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item()

    return train


PEERS: dict[str, Callable[[Experiment, Digits], Contestant]] = {
    "keras": keras_fit,
    "dataloader": dataloader,
}
VARIANTS = ("float32", "bfloat16")
CONTROL = "control"
"""A second process of our float32 step: what two equal contestants differ by."""


def build(name: str, experiment: Experiment, digits: Digits) -> Contestant:
    """Return the contestant of this name; raises `UserError` for an unknown one."""
    if name in (*VARIANTS, CONTROL):
        precision = "bfloat16" if name == "bfloat16" else "full"
        return ours(experiment.with_changes(precision=precision), digits)
    if name not in PEERS:
        raise UserError(f"peers = {name!r}: accepted: {', '.join(PEERS)}")
    return PEERS[name](experiment, digits)


def multiplications(experiment: Experiment) -> int:
    """Multiply-adds of one forward and backward pass of an image, of the cropped network.

    Three times those of the forward pass, but for the first layer, which needs no gradient of its
    input. Poolings, activations and the optimizer are not counted.
    """
    network = experiment.network
    seen = (*network.seen_input(), network.input_shape[2])
    rows = [row for row in network.with_changes(input_shape=seen).layers() if row.kernel_shape]
    forward = [math.prod(row.kernel_shape) * math.prod(row.output_shape[:-1]) for row in rows]
    return 3 * sum(forward) - forward[0]
