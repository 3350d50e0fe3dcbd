"""Train, evaluate and look into the CNN, on any device."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR

from cnn_experiment import (
    Digits,
    EpochRecord,
    Evaluation,
    Experiment,
    UserError,
    Watcher,
    batch_order,
)
from torch_cnn.model import CNN, build_model
from torch_cnn.optimizers import KerasRMSprop
from torch_cnn.schedule import keras_schedule

_EVALUATION_BATCH = 1000
_REPORTS_PER_EPOCH = 50


def pick_device(name: str = "auto") -> torch.device:
    """`auto` is CUDA where there is one, else the CPU.

    Raises `UserError` for a device that is not there.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise UserError(f"device = {name!r}: accepted: auto, cpu, cuda")
    has_cuda = torch.cuda.is_available()
    if name == "cuda" and not has_cuda:
        raise UserError("device = 'cuda': PyTorch finds no CUDA device here; accepted: auto, cpu")
    return torch.device("cuda" if has_cuda and name != "cpu" else "cpu")


def build_optimizer(model: CNN) -> KerasRMSprop:
    """KerasRMSprop over the model's parameters; L2 is weight decay on the dense kernels alone."""
    settings = model.experiment.optimizer
    regularizer = model.experiment.regularizer
    regularized = model.dense_kernels() if regularizer is not None else []
    free = [p for p in model.parameters() if all(p is not kernel for kernel in regularized)]
    groups: list[dict[str, Any]] = [{"params": free}]
    if regularizer is not None:
        groups.append({"params": regularized, "weight_decay": 2 * regularizer.rounded_strength})
    return KerasRMSprop(
        groups, rho=settings.rho, momentum=settings.momentum, epsilon=settings.epsilon
    )


def train(
    experiment: Experiment,
    digits: Digits,
    *,
    device: str = "auto",
    watchers: Sequence[Watcher] = (),
) -> tuple[CNN, list[EpochRecord]]:
    """Run the experiment from its initial weights; return the trained model and a record an epoch.

    `device` is auto, cpu or cuda. Raises `UserError` for a device that is not there and for digits
    that do not fit the network. Numbers too small for normal form count as 0 from here on, in the
    whole process: dead units decay into such denormals, which are slow to compute with.
    """
    digits.must_fit(experiment)
    target = pick_device(device)
    torch.set_flush_denormal(True)
    model = build_model(experiment).to(target)
    optimizer = build_optimizer(model)
    schedule = keras_schedule(optimizer, experiment.schedule, experiment.dtype)
    images_nchw = _images_nchw(digits.train_images_nhwc, model)
    labels = torch.from_numpy(digits.train_labels).to(target)

    history = []
    for epoch in range(experiment.epochs):
        begin = time.perf_counter()
        loss, accuracy = _train_epoch(
            epoch, model, optimizer, schedule, images_nchw, labels, watchers
        )
        test = evaluate(model, digits.test_images_nhwc, digits.test_labels)
        record = EpochRecord(
            epoch=epoch + 1,
            step=schedule.last_epoch,
            learning_rate=float(schedule.get_last_lr()[0]),
            loss=loss,
            accuracy=accuracy,
            val_loss=test.loss,
            val_accuracy=test.accuracy,
            seconds=time.perf_counter() - begin,
        )
        history.append(record)
        for watcher in watchers:
            watcher.epoch_done(record)
    return model, history


def _train_epoch(
    epoch: int,
    model: CNN,
    optimizer: KerasRMSprop,
    schedule: LambdaLR,
    images_nchw: Tensor,
    labels: Tensor,
    watchers: Sequence[Watcher],
) -> tuple[float, float]:
    """One pass over the images in the epoch's order; loss and accuracy averaged by sample."""
    order = torch.from_numpy(batch_order(model.experiment.seed, epoch, len(labels)))
    batches = torch.split(order.to(labels.device), model.experiment.batch_size)
    report_every = max(1, len(batches) // _REPORTS_PER_EPOCH)
    losses = images_nchw.new_zeros(len(batches))
    hits = labels.new_zeros(len(batches))
    sizes = labels.new_tensor([len(batch) for batch in batches])
    for index, batch in enumerate(batches):
        losses[index], hits[index] = train_step(model, optimizer, images_nchw[batch], labels[batch])
        schedule.step()
        done = index + 1
        if watchers and done % report_every == 0:
            averages = _averages(losses[:done], hits[:done], sizes[:done])
            for watcher in watchers:
                watcher.batches_done(done, *averages)
    return _averages(losses, hits, sizes)


def train_step(
    model: CNN, optimizer: KerasRMSprop, images_nchw: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Update the weights on one batch; return its loss, the penalty included, and count of hits.

    Both are scalars of the state before the update. The penalty's gradient is the optimizer's
    weight decay, so that no graph is built for it.
    """
    logits = model.logits(images_nchw)
    data_loss = functional.cross_entropy(logits, labels)
    with torch.no_grad():
        loss = data_loss + model.penalty()
        hits = (logits.argmax(1) == labels).sum()
    optimizer.zero_grad()
    data_loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss, hits


def _averages(losses: Tensor, hits: Tensor, sizes: Tensor) -> tuple[float, float]:
    """Loss and accuracy by sample, from the losses and hits of batches of these sizes."""
    images = sizes.sum().item()
    return (losses.double() @ sizes.double()).item() / images, hits.sum().item() / images


@torch.inference_mode()
def evaluate(model: CNN, images_nhwc: NDArray[Any], labels: NDArray[np.int64]) -> Evaluation:
    """Loss and accuracy over all images; `images_nhwc` is (count, height, width, channels)."""
    all_labels = torch.from_numpy(labels.astype(np.int64)).to(model.device)
    loss = torch.zeros((), dtype=torch.float64, device=model.device)
    hits = torch.zeros((), dtype=torch.int64, device=model.device)
    for images, part in zip(
        torch.split(_images_nchw(images_nhwc, model), _EVALUATION_BATCH),
        torch.split(all_labels, _EVALUATION_BATCH),
        strict=True,
    ):
        logits = model.logits(images)
        loss += functional.cross_entropy(logits, part, reduction="sum")
        hits += (logits.argmax(1) == part).sum()
    return Evaluation(
        loss=(loss / len(labels) + model.penalty()).item(), accuracy=hits.item() / len(labels)
    )


@torch.inference_mode()
def predict(model: CNN, images_nhwc: NDArray[Any]) -> NDArray[Any]:
    """Class probabilities, shape (count, classes)."""
    parts = torch.split(_images_nchw(images_nhwc, model), _EVALUATION_BATCH)
    return torch.cat([model(images) for images in parts]).cpu().numpy()


@torch.inference_mode()
def layer_outputs(model: CNN, images_nhwc: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Each layer's output by name, after its activation; maps: (count, height, width, channels)."""
    return {
        name: (output.permute(0, 2, 3, 1) if output.ndim == 4 else output).cpu().numpy()
        for name, output in model.outputs(_images_nchw(images_nhwc, model))
    }


def _images_nchw(images_nhwc: NDArray[Any], model: CNN) -> Tensor:
    """The images on the model's device and in its dtype, as a view with the channels second."""
    images = torch.from_numpy(np.ascontiguousarray(images_nhwc))
    return images.to(model.device, model.dtype).permute(0, 3, 1, 2)
