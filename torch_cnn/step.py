"""One update of the weights."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from cnn_experiment import L1, L2
from torch_cnn import optimizers
from torch_cnn.flat_update import KerasOptimizer
from torch_cnn.model import CNN, activate


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
    settings = experiment.optimizer
    named_alike: type[KerasOptimizer] = getattr(optimizers, f"Keras{type(settings).__name__}")
    return named_alike(groups, **settings.model_dump(exclude={"kind"}))


def train_step(
    model: CNN,
    optimizer: Optimizer,
    images_nchw: Tensor,
    labels: Tensor,
    before_update: Callable[[Tensor, Tensor], object] | None = None,
) -> tuple[Tensor, Tensor]:
    """Update the weights on one batch; return its loss, the penalty included, and count of hits.

    Both are scalars of the state before the update. No graph is built for the penalty: L2's
    gradient is the optimizer's weight decay, L1's is added by hand.

    `before_update` is called with the data loss and the penalty, both detached, between the
    gradients and the update: the parameters' `grad` are then complete but for the weight decay,
    which the optimizer adds within its step.
    """
    logits = model.logits(images_nchw)
    data_loss = model.data_loss(logits, labels)
    with torch.no_grad():
        penalty = model.penalty()
        loss = data_loss + penalty
        hits = count_hits(model, logits, labels)

    optimizer.zero_grad()
    data_loss.backward()  # type: ignore[no-untyped-call]
    add_l1_gradient(model)

    if before_update is not None:
        before_update(data_loss.detach(), penalty.detach())
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
