"""The experiment's optimizer, and one update of the weights with it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from cnn_experiment import L1, L2
from keras_for_torch import optimizers
from torch_cnn.model import CNN, activate
from torch_cnn.process import shares_on


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
) -> tuple[Tensor, Tensor]:
    """Update the weights on one batch; return its loss, with the penalty, and its number of hits.

    Hits are correctly classified images. Both results are scalars, computed before the update. On a
    CPU, the network's forward and backward pass are shared among threads (`torch_cnn.shares`). The
    penalty is not differentiated by autograd: the gradient of L2 is the optimizer's weight decay,
    and the gradient of L1 is added directly.

    `before_update` is called with the data loss and the penalty, both detached, after the gradients
    are computed and before the update. The parameters' `grad` are then complete except for the
    weight decay, which the optimizer adds in its step.
    """
    threads = shares_on(images_nchw.device)
    given = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    parameters = [parameter for parameter in given if parameter.requires_grad]

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
        loss = data_loss + penalty
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    add_l1_gradient(model)

    if before_update is not None:
        before_update(data_loss, penalty)
    optimizer.step()
    return loss, hits


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
