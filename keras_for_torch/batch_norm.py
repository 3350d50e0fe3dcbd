"""Batch normalization as Keras computes it.

PyTorch's `nn.BatchNorm2d` differs in three things: its epsilon is 1e-5, its momentum means the
opposite, and its running variance is the unbiased one, a factor of n / (n - 1) larger.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from keras_for_torch.setting_ranges import NOT_NEGATIVE, UP_TO_ONE, must_be_in_range


class _KerasBatchNorm(nn.modules.batchnorm._BatchNorm):
    """What the three classes below share."""

    def __init__(
        self, num_features: int, eps: float = 1e-3, momentum: float = 0.99, **settings: Any
    ) -> None:
        must_be_in_range(eps=(eps, NOT_NEGATIVE), momentum=(momentum, UP_TO_ONE))
        super().__init__(num_features, eps, 1.0 - momentum, **settings)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - as in PyTorch
        """Normalize (batch, channels, ...), and update the running statistics in training."""
        momentum = self.momentum
        if (
            not self.training
            or self.running_mean is None
            or self.running_var is None
            or not momentum
        ):
            return super().forward(input)
        self._check_input_dim(input)  # type: ignore[no-untyped-call]
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)

        # With a momentum of 1, PyTorch writes the statistics of the batch.
        mean, variance = torch.zeros_like(self.running_mean), torch.zeros_like(self.running_var)
        output = functional.batch_norm(
            input, mean, variance, self.weight, self.bias, training=True, momentum=1.0, eps=self.eps
        )
        count = input.numel() / self.num_features
        biased = variance * ((count - 1) / count)
        self.running_mean.mul_(1.0 - momentum).add_(mean, alpha=momentum)
        self.running_var.mul_(1.0 - momentum).add_(biased, alpha=momentum)
        return output


class KerasBatchNorm1d(_KerasBatchNorm, nn.BatchNorm1d):
    """`nn.BatchNorm1d` with Keras' defaults and Keras' running variance.

    `momentum` is Keras': the part of the running statistics that each batch leaves as it is. Keras'
    0.99 is PyTorch's 0.01. The attribute of that name holds PyTorch's number, as in every
    `nn.BatchNorm1d`, since other code reads it. All other arguments, and the names in the
    `state_dict`, are PyTorch's.

    Keras' `trainable = False` also means inference: call `eval()` on this module, too.
    """


class KerasBatchNorm2d(_KerasBatchNorm, nn.BatchNorm2d):
    """`nn.BatchNorm2d` with Keras' defaults and Keras' running variance: see `KerasBatchNorm1d`."""


class KerasBatchNorm3d(_KerasBatchNorm, nn.BatchNorm3d):
    """`nn.BatchNorm3d` with Keras' defaults and Keras' running variance: see `KerasBatchNorm1d`."""
