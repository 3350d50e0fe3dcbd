"""Parts of Keras to mend a PyTorch port with: optimizers and learning rates that are Keras' own.

PyTorch's optimizers of the same names use other equations, defaults and kinds of weight decay, and
its schedulers round and count in another way. These are `torch.optim.Optimizer`s and schedulers
with Keras' equations: on the same gradients they agree with Keras on TensorFlow to 1e-12 over 1,000
updates in float64. They need torch and NumPy alone, and work in any model.

    optimizer = KerasAdam(model.parameters(), lr=1e-3, clipnorm=1.0)
    scheduler = KerasScheduler(optimizer, CosineDecay(1e-3, decay_steps=10_000))
    for images, labels in batches:
        optimizer.zero_grad()
        loss_of(model(images), labels).backward()
        optimizer.step()
        scheduler.step()  # after every batch, as Keras does

Keras' argument `weight_decay=` is `decoupled_weight_decay=` here, except in `KerasAdamW`: see
`keras_for_torch.optimizers.shared_settings`.

`KerasBatchNorm1d`, `2d` and `3d` normalize batches with Keras' defaults and running variance.
"""

from keras_for_torch.batch_norm import KerasBatchNorm1d, KerasBatchNorm2d, KerasBatchNorm3d
from keras_for_torch.optimizers import (
    KerasAdagrad,
    KerasAdam,
    KerasAdamax,
    KerasAdamW,
    KerasNadam,
    KerasOptimizer,
    KerasRMSprop,
    KerasSGD,
)
from keras_for_torch.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    KerasReduceLROnPlateau,
    KerasScheduler,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
from keras_for_torch.setting_ranges import SettingError

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "KerasAdagrad",
    "KerasAdam",
    "KerasAdamW",
    "KerasAdamax",
    "KerasBatchNorm1d",
    "KerasBatchNorm2d",
    "KerasBatchNorm3d",
    "KerasNadam",
    "KerasOptimizer",
    "KerasRMSprop",
    "KerasReduceLROnPlateau",
    "KerasSGD",
    "KerasScheduler",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "SettingError",
]
