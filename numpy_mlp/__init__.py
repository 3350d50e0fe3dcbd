"""The articles' MLP in NumPy, with hand-written back-propagation: a third, independent version.

It shares no network code with the two backends, so its gradients can be used to check both.
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
