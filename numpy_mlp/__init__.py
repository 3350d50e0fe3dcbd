"""The articles' MLP with forward and back-propagation by hand: a third, independent implementation.

It shares no code with the backends, so its gradients can be an oracle for both.
"""

from numpy_mlp.network import forward, gradients, log_loss, penalty, propagate
from numpy_mlp.training import Record, Settings, accuracy, initial_weights, learning_rate, train

__all__ = [
    "Record",
    "Settings",
    "accuracy",
    "forward",
    "gradients",
    "initial_weights",
    "learning_rate",
    "log_loss",
    "penalty",
    "propagate",
    "train",
]
