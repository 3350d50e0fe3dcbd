"""Planted differences in what is reported of an epoch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as ports write it

from parity_ladder import TorchSide, pair
from tests.known_differences.planting import Batch, Planted

L = keras.layers
STRENGTH = 0.0625


class Seen(NamedTuple):
    """What the port's step returns of a batch."""

    size: int
    loss: float
    data_loss: float
    correct: int
    squares: float


Report = Callable[[Sequence[Seen]], Mapping[str, float]]


def classifier() -> keras.Model:
    """Classes, with a penalty of the kernel."""
    layer = L.Dense(3, kernel_regularizer=keras.regularizers.L2(STRENGTH))
    model = keras.Sequential([keras.Input((6,)), layer])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss, metrics=["accuracy"])
    return model


def regression() -> keras.Model:
    """Numbers, and the root of their mean squared error."""
    model = keras.Sequential([keras.Input((6,)), L.Dense(3)])
    metric = keras.metrics.RootMeanSquaredError(name="root")
    model.compile(keras.optimizers.SGD(0.1), "mse", metrics=[metric])
    return model


def port_with(model: keras.Model, report: Report, *, classifies: bool) -> TorchSide:
    """Return a port that makes its report from what each batch has shown."""
    net = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step(inputs: Tensor, labels: Tensor) -> Seen:
        optimizer.zero_grad()
        outputs = net(inputs)
        if classifies:
            data_loss = F.cross_entropy(outputs, labels)
            loss = data_loss + STRENGTH * net.weight.square().sum()
            correct = int((outputs.argmax(1) == labels).sum())
        else:
            loss = data_loss = F.mse_loss(outputs, labels)
            correct = 0
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        squares = 0.0 if classifies else ((outputs - labels) ** 2).sum().item()
        return Seen(len(inputs), loss.item(), data_loss.item(), correct, squares)

    pairs = pair(model, net, quiet=True)
    return TorchSide(net, step, optimizer, pairs=pairs, epoch_metrics=report)


def samples(batches: Sequence[Seen]) -> int:
    """Return the number of samples."""
    return sum(each.size for each in batches)


def sound_loss(batches: Sequence[Seen]) -> float:
    """Return the mean loss of the samples."""
    return sum(each.loss * each.size for each in batches) / samples(batches)


def sound_accuracy(batches: Sequence[Seen]) -> float:
    """Return the share of samples that are right."""
    return sum(each.correct for each in batches) / samples(batches)


def classes(
    entry: str,
    loss: Callable[[Sequence[Seen]], float] = sound_loss,
    accuracy: Callable[[Sequence[Seen]], float] = sound_accuracy,
) -> Planted:
    """Return a case whose port reports its loss or its accuracy in another way."""

    def port(model: keras.Model, faulty: bool) -> TorchSide:
        def report(batches: Sequence[Seen]) -> Mapping[str, float]:
            of = (loss, accuracy) if faulty else (sound_loss, sound_accuracy)
            return {"loss": of[0](batches), "accuracy": of[1](batches)}

        return port_with(model, report, classifies=True)

    return Planted(entry, classifier, port, lambda: batches_of(classes=True))


def root_port(model: keras.Model, faulty: bool) -> TorchSide:
    """Return a port that reports a root; a faulty one averages those of the batches."""

    def report(batches: Sequence[Seen]) -> Mapping[str, float]:
        roots = sum(np.sqrt(each.squares / (3 * each.size)) * each.size for each in batches)
        root = np.sqrt(sum(each.squares for each in batches) / (3 * samples(batches)))
        return {
            "loss": sound_loss(batches),
            "root": roots / samples(batches) if faulty else root,
        }

    return port_with(model, report, classifies=False)


def batches_of(*, classes: bool) -> Sequence[Batch]:
    """Return batches, of which the last one is shorter."""
    source = np.random.default_rng(1)

    def labels(size: int) -> Any:
        return source.integers(0, 3, size) if classes else source.normal(size=(size, 3))

    return [(source.normal(size=(size, 6)), labels(size)) for size in (5, 5, 2)]


def running(batches: Sequence[Seen]) -> float:
    """Return a running average."""
    average = batches[0].loss
    for each in batches[1:]:
        average = 0.9 * average + 0.1 * each.loss
    return average


PLANTED = [
    classes("metric averaged over batches", lambda b: sum(each.loss for each in b) / len(b)),
    Planted(
        "metric computed batch by batch",
        regression,
        root_port,
        lambda: batches_of(classes=False),
    ),
    classes("metric of the last batch", accuracy=lambda b: b[-1].correct / b[-1].size),
    classes(
        "losses added up without the batch's size",
        lambda b: sum(each.loss for each in b) / samples(b),
    ),
    classes(
        "sum over samples divided by batches",
        lambda b: sum(each.loss * each.size for each in b) / len(b),
    ),
    classes("metric added up over batches", lambda b: sum(each.loss for each in b)),
    classes("running average reported", running),
    classes(
        "penalty left out of the report",
        lambda b: sum(each.data_loss * each.size for each in b) / samples(b),
    ),
    classes("metric in percent", accuracy=lambda b: 100 * sound_accuracy(b)),
]
