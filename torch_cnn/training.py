"""Train, evaluate and look into the CNN, on any device."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from cnn_experiment import (
    L1,
    L2,
    Digits,
    EpochRecord,
    Evaluation,
    Experiment,
    UserError,
    Watcher,
    batch_order,
)
from torch_cnn.flat_update import KerasOptimizer
from torch_cnn.loss import data_loss
from torch_cnn.model import CNN, activate, build_model
from torch_cnn.optimizers import KerasAdamax, KerasNadam, KerasRMSprop
from torch_cnn.process import prepare_process
from torch_cnn.schedule import keras_schedule

_EVALUATION_BATCH = 100
_REPORTS_PER_EPOCH = 50
_OPTIMIZERS: dict[str, Callable[..., KerasOptimizer]] = {
    "rmsprop": KerasRMSprop,
    "nadam": KerasNadam,
    "adamax": KerasAdamax,
}


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


def build_optimizer(model: CNN) -> KerasOptimizer:
    """The experiment's optimizer over the model's parameters.

    L2 is weight decay on the regularized kernels; L1, which has no such form, is added to the
    gradients by `train_step`.
    """
    experiment = model.experiment
    regularized = model.regularized_kernels()
    decaying = regularized if isinstance(experiment.regularizer, L2) else []
    others = [p for p in model.parameters() if all(p is not kernel for kernel in decaying)]
    groups: list[dict[str, Any]] = [{"params": others}] if others else []
    if isinstance(experiment.regularizer, L2) and decaying:
        decay = 2 * experiment.regularizer.rounded_strength
        groups.append({"params": decaying, "weight_decay": decay})
    settings = experiment.optimizer.model_dump(exclude={"kind"})
    return _OPTIMIZERS[experiment.optimizer.kind](groups, **settings)


def train(
    experiment: Experiment,
    digits: Digits,
    *,
    device: str = "auto",
    watchers: Sequence[Watcher] = (),
    compiled: bool = False,
) -> tuple[CNN, list[EpochRecord]]:
    """Run the experiment from its initial weights; return the trained model and a record an epoch.

    `device` is auto, cpu or cuda. `compiled` passes the network through `torch.compile`, for CUDA:
    on the CPU that is slower. Raises `UserError` for a device that is not there and for digits that
    do not fit the network. Settings of the whole process are changed: `prepare_process`.
    """
    digits.must_fit(experiment)
    target = pick_device(device)
    prepare_process()
    model = build_model(experiment).to(target)
    if compiled:
        model.logits = torch.compile(model.logits)  # type: ignore[method-assign]
    optimizer = build_optimizer(model)
    schedule = keras_schedule(optimizer, experiment.schedule, experiment.dtype)
    images_nchw = images_on_device(digits.train_images_nhwc, model)
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
            precision=experiment.precision,
        )
        history.append(record)
        for watcher in watchers:
            watcher.epoch_done(record)
    return model, history


def _train_epoch(
    epoch: int,
    model: CNN,
    optimizer: KerasOptimizer,
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
    model: CNN, optimizer: KerasOptimizer, images_nchw: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Update the weights on one batch; return its loss, the penalty included, and count of hits.

    Both are scalars of the state before the update. No graph is built for the penalty: L2's
    gradient is the optimizer's weight decay, L1's is added by hand.
    """
    logits = model.logits(images_nchw)
    without_penalty = data_loss(model, logits, labels)
    with torch.no_grad():
        loss = without_penalty + model.penalty()
        hits = count_hits(model, logits, labels)
    optimizer.zero_grad()
    without_penalty.backward()  # type: ignore[no-untyped-call]
    add_l1_gradient(model)
    optimizer.step()
    return loss, hits


@torch.no_grad()
def add_l1_gradient(model: CNN) -> None:
    """Add an L1 penalty's subgradient, strength * sign(kernel), which is 0 at 0 as in Keras."""
    regularizer = model.experiment.regularizer
    if isinstance(regularizer, L1):
        for kernel in model.regularized_kernels():
            if kernel.grad is not None:
                kernel.grad.add_(kernel.sign(), alpha=regularizer.rounded_strength)


def count_hits(model: CNN, logits: Tensor, labels: Tensor) -> Tensor:
    """Count of images whose largest output is their label's, a scalar.

    Of the outputs, not of the logits: a sigmoid can round several of them to 1.
    """
    outputs = activate(model.experiment.network.output.activation, logits)
    return (outputs.argmax(1) == labels).sum()


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
        torch.split(images_on_device(images_nhwc, model), _EVALUATION_BATCH),
        torch.split(all_labels, _EVALUATION_BATCH),
        strict=True,
    ):
        logits = model.logits(images)
        loss += data_loss(model, logits, part, reduction="sum")
        hits += count_hits(model, logits, part)
    return Evaluation(
        loss=(loss / len(labels) + model.penalty()).item(), accuracy=hits.item() / len(labels)
    )


@torch.inference_mode()
def predict(model: CNN, images_nhwc: NDArray[Any]) -> NDArray[Any]:
    """Class probabilities, shape (count, classes)."""
    parts = torch.split(images_on_device(images_nhwc, model), _EVALUATION_BATCH)
    return torch.cat([model(images) for images in parts]).cpu().numpy()


@torch.inference_mode()
def layer_outputs(model: CNN, images_nhwc: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Each layer's output by name, after its activation; maps: (count, height, width, channels)."""
    return {
        name: (output.permute(0, 2, 3, 1) if output.ndim == 4 else output).cpu().numpy()
        for name, output in model.outputs(images_on_device(images_nhwc, model))
    }


def images_on_device(images_nhwc: NDArray[Any], model: CNN) -> Tensor:
    """The images on the model's device and in its dtype, as a view with the channels second."""
    images = torch.from_numpy(np.ascontiguousarray(images_nhwc))
    return images.to(model.device, model.dtype).permute(0, 3, 1, 2)
