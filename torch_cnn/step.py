"""The experiment's optimizer, and one update of the weights with it."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from cnn_experiment import L1, L2
from keras_for_torch import optimizers
from torch_cnn.model import CNN, activate
from torch_cnn.process import shares_on
from torch_cnn.ranks import ALONE, Ranks


def build_optimizer(model: CNN) -> optimizers.KerasOptimizer:
    """Return the experiment's optimizer for the model's parameters.

    L2 becomes weight decay on the regularized kernels. L1 cannot be written as weight decay;
    `train_step` adds its gradient.
    """
    experiment = model.experiment
    regularized = model.regularized_kernels()
    decaying = regularized if isinstance(experiment.regularizer, L2) else []
    others = [p for p in model.parameters() if all(p is not kernel for kernel in decaying)]
    groups: list[dict[str, Any]] = [{"params": others}] if others else []
    if isinstance(experiment.regularizer, L2) and decaying:
        decay = 2 * experiment.regularizer.rounded_strength
        groups.append({"params": decaying, "weight_decay": decay})

    settings = experiment.optimizer  # `RMSprop` stands for `KerasRMSprop`, and so on
    optimizer_class: type[optimizers.KerasOptimizer] = getattr(
        optimizers, f"Keras{type(settings).__name__}"
    )
    return optimizer_class(groups, **settings.model_dump(exclude={"kind"}))


def train_step(
    model: CNN,
    optimizer: Optimizer,
    images_nchw: Tensor,
    labels: Tensor,
    before_update: Callable[[Tensor, Tensor], object] | None = None,
    *,
    ranks: Ranks = ALONE,
    batch_size: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Update the weights on one batch; return its loss, with the penalty, and its number of hits.

    Hits are correctly classified images. Both results are scalars, computed before the update. On a
    CPU, the network's forward and backward pass are shared among threads (`torch_cnn.shares`). The
    penalty is not differentiated by autograd: the gradient of L2 is the optimizer's weight decay,
    and the gradient of L1 is added directly.

    With `ranks` of more than one process, `images_nchw` and `labels` are this process' part of a
    batch of `batch_size` images, which may be empty. All processes must call this function; each
    makes the same update and returns the whole batch's loss and hits.

    `before_update` is called with the data loss and the penalty, both detached, after the gradients
    are computed and before the update. The parameters' `grad` are then complete except for the
    weight decay, which the optimizer adds in its step.
    """
    given = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    parameters = [parameter for parameter in given if parameter.requires_grad]
    if ranks.count == 1:
        passed = _pass_in_shares(model, parameters, images_nchw, labels)
    else:
        size = len(labels) if batch_size is None else batch_size
        passed = _pass_of_ranks(ranks, model, parameters, images_nchw, labels, size)
    data_loss, penalty, hits = passed
    add_l1_gradient(model)

    if before_update is not None:
        before_update(data_loss, penalty)
    optimizer.step()
    return data_loss + penalty, hits


def _pass_in_shares(
    model: CNN, parameters: Sequence[nn.Parameter], images_nchw: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the gradients of a batch; return its data loss, the penalty and its hits."""
    threads = shares_on(images_nchw.device)

    def passed(share: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Return a share's part of the data loss, of the hits and of the gradients."""
        images_of_share, labels_of_share = share
        logits = model.logits(images_of_share)
        data_loss = model.data_loss(logits, labels_of_share)
        if threads.count > 1:
            data_loss = data_loss * (len(labels_of_share) / len(labels))
        gradients = torch.autograd.grad(data_loss, parameters)
        return data_loss.detach(), count_hits(model, logits.detach(), labels_of_share), gradients

    shares = zip(threads.parts(images_nchw), threads.parts(labels), strict=True)
    results = threads.map(passed, list(shares))
    data_loss, hits, gradients = next(results)
    with torch.no_grad():
        penalty = model.penalty()  # before the wait for the other threads
        for loss_of_share, hits_of_share, gradients_of_share in results:
            data_loss, hits = data_loss + loss_of_share, hits + hits_of_share
            torch._foreach_add_(gradients, gradients_of_share)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    return data_loss, penalty, hits


def _pass_of_ranks(
    ranks: Ranks,
    model: CNN,
    parameters: Sequence[nn.Parameter],
    images_nchw: Tensor,
    labels: Tensor,
    batch_size: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Do the same among ranks, each of which has a part of the batch.

    `DistributedDataParallel` gives every rank the mean of all ranks' gradients. If each rank took
    the mean over its own images, an image would count more in a small part than in a large one. So
    each takes its sum over the size of the whole batch, times the number of ranks, over which the
    mean divides.
    """
    for parameter in parameters:
        parameter.grad = None
    logits = ranks.logits(images_nchw)
    data_loss = model.data_loss(logits, labels, reduction="sum") / batch_size
    hits = count_hits(model, logits.detach(), labels)
    total = ranks.begin_total(torch.stack([data_loss.detach(), hits.to(data_loss.dtype)]))

    (data_loss * ranks.count).backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        penalty = model.penalty()
    loss_of_batch, hits_of_batch = total()
    return loss_of_batch, penalty, hits_of_batch.round().to(hits.dtype)


@torch.no_grad()
def add_l1_gradient(model: CNN) -> None:
    """Add the gradient of an L1 penalty, strength * sign(kernel), which is 0 at 0 as in Keras."""
    regularizer = model.experiment.regularizer
    if isinstance(regularizer, L1):
        for kernel in model.regularized_kernels():
            if kernel.grad is not None:
                kernel.grad.add_(kernel.sign(), alpha=regularizer.rounded_strength)


def count_hits(model: CNN, logits: Tensor, labels: Tensor) -> Tensor:
    """Return the number of images whose largest output is at their label, a scalar.

    It compares outputs, not logits: a sigmoid can round the outputs of different logits to 1.
    """
    outputs = activate(model.experiment.network.output.activation, logits)
    return (outputs.argmax(1) == labels).sum()
