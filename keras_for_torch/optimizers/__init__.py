"""Keras' optimizers as `torch.optim.Optimizer`s."""

from keras_for_torch.optimizers.adagrad import KerasAdagrad
from keras_for_torch.optimizers.adam import KerasAdam, KerasAdamW
from keras_for_torch.optimizers.adamax import KerasAdamax
from keras_for_torch.optimizers.flat_update import KerasOptimizer
from keras_for_torch.optimizers.nadam import KerasNadam
from keras_for_torch.optimizers.rmsprop import KerasRMSprop
from keras_for_torch.optimizers.sgd import KerasSGD

__all__ = [
    "KerasAdagrad",
    "KerasAdam",
    "KerasAdamW",
    "KerasAdamax",
    "KerasNadam",
    "KerasOptimizer",
    "KerasRMSprop",
    "KerasSGD",
]
