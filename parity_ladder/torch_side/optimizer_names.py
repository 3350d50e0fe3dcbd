"""What PyTorch's optimizers keep, in the words of Keras' optimizers.

A state of PyTorch goes by the parameter and its own name, such as `exp_avg`. Keras calls the same
thing `momentum`. Optimizers whose states have Keras' names already need no line here.
"""

import inspect
from collections.abc import Mapping

from torch import optim

NAMES: Mapping[str, str] = {
    "exp_avg": "momentum",
    "exp_avg_sq": "velocity",
    "max_exp_avg_sq": "velocity_hat",
    "exp_inf": "norm",
    "square_avg": "velocity",
    "grad_avg": "average_gradient",
    "momentum_buffer": "momentum",
    "sum": "accumulator",
    "acc_delta": "accumulated_delta_var",
    "mu_product": "u_product",
}
"""Keras' names of the states of PyTorch's optimizers."""
OTHER_NAMES: Mapping[type[optim.Optimizer], Mapping[str, str]] = {
    optim.Adadelta: {"square_avg": "accumulated_grad"},
}
"""Where one of PyTorch's names means something else."""
COUNT = "step"
COUNT_IN_KERAS = "iteration"
INITIAL = {"u_product": 1.0}
"""The first value of a state that does not begin at 0, by Keras' name."""
INITIAL_SETTINGS = {"accumulator": "initial_accumulator_value"}
"""The setting of an optimizer that says where a state begins, by Keras' name."""


HOLDS_THE_RATE: Mapping[type[optim.Optimizer], float] = {optim.SGD: -1.0, optim.RMSprop: 1.0}
"""Where Keras' momentum contains the learning rate and PyTorch's does not; the sign of Keras'.

Keras' momentum is PyTorch's, multiplied by the rate of the latest update. That is the same
equation at a constant rate, and another one if the rate changes.
"""


def keras_name(optimizer: optim.Optimizer, name: str) -> str:
    """Return Keras' name of a state."""
    for made, names in OTHER_NAMES.items():
        if isinstance(optimizer, made) and name in names:
            return names[name]
    return NAMES.get(name, name)


def factor(optimizer: optim.Optimizer, name: str, rate: float) -> float:
    """Return what a state of PyTorch is multiplied by to get Keras' state."""
    if name == "momentum_buffer":
        for made, sign in HOLDS_THE_RATE.items():
            if isinstance(optimizer, made):
                return sign * rate
    return 1.0


_COUPLE_WEIGHT_DECAY = (
    optim.ASGD, optim.Adadelta, optim.Adagrad, optim.Adamax, optim.RMSprop, optim.SGD,
)  # fmt: skip
"""Those of PyTorch's optimizers that couple it and have no setting to decouple it."""


def couples_weight_decay(optimizer: optim.Optimizer) -> bool:
    """Return whether `weight_decay` is added to the gradient, as an L2 penalty's gradient is.

    An optimizer that is neither PyTorch's nor says so by `decoupled_weight_decay` is taken for one
    that decouples it, as Lion does.
    """
    decoupled = [
        group["decoupled_weight_decay"]
        for group in optimizer.param_groups
        if "decoupled_weight_decay" in group
    ]
    if decoupled:  # PyTorch's Adam says True or False, those of `keras_for_torch` a second rate
        return not any(each is True for each in decoupled)
    step = inspect.unwrap(type(optimizer).step)
    return any(
        isinstance(optimizer, made) and step is inspect.unwrap(made.step)
        for made in _COUPLE_WEIGHT_DECAY
    )


def clips_by_itself(optimizer: optim.Optimizer) -> bool:
    """Return whether the optimizer clips gradients within its step, where it cannot be seen."""
    settings = ("clipnorm", "clipvalue", "global_clipnorm")
    return any(group.get(name) for group in optimizer.param_groups for name in settings)
