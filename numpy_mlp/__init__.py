"""The articles' MLP in NumPy, with hand-written back-propagation: a third, independent version.

It shares no network code with the two backends, so its gradients can be used to check both.
"""

from numpy_mlp.costs import Costs, costs, log_loss, mean_weights, penalty
from numpy_mlp.network import forward, gradients, input_layer, propagate
from numpy_mlp.settings import Settings, initial_weights, learning_rate
from numpy_mlp.training import Record, Training, accuracy, train

__all__ = [
    "Costs",
    "Record",
    "Settings",
    "Training",
    "accuracy",
    "costs",
    "forward",
    "gradients",
    "initial_weights",
    "input_layer",
    "learning_rate",
    "log_loss",
    "mean_weights",
    "penalty",
    "propagate",
    "train",
]
