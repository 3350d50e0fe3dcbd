"""The settings that all optimizers here share: two kinds of weight decay, and three of clipping.

**Weight decay.** Keras and PyTorch call two different things `weight_decay`.

- `weight_decay` is PyTorch's, as in `torch.optim.SGD` or `Adam`: `weight_decay * parameter` is
  added to the gradient. That is the gradient of `weight_decay / 2 * sum(parameter ** 2)`, so a
  Keras `kernel_regularizer=L2(strength)` becomes `weight_decay=2 * strength` in a parameter group
  of the kernels. It is *coupled*: the optimizer scales it as it scales the gradient.
- `decoupled_weight_decay` is what Keras' optimizers call `weight_decay=`: before the update,
  `parameter * decoupled_weight_decay * lr` is subtracted from the parameter.

`KerasAdamW` is the exception, because both frameworks agree there: its `weight_decay` is decoupled,
and it has no other.

Keras' `exclude_from_weight_decay` becomes a parameter group of its own with a decay of 0.

**Clipping** changes the gradient after coupled decay was added, as Keras clips the gradient of the
whole loss. At most one of the three may be set.

- `clipnorm`: the norm of each parameter's gradient is at most this.
- `clipvalue`: each element of the gradient lies between `-clipvalue` and `clipvalue`.
- `global_clipnorm`: the norm of all gradients together, over all parameter groups, is at most this.
  `torch.nn.utils.clip_grad_norm_` adds 1e-6 to that norm; this does not.

Source: keras/src/optimizers/base_optimizer.py; for decay backend/tensorflow/optimizer.py.
"""

from collections.abc import Mapping
from typing import Any, TypedDict

from keras_for_torch.setting_ranges import (
    ABOVE_ZERO_OR_NONE,
    NOT_NEGATIVE,
    SettingError,
    must_be_in_range,
)


class Clipping(TypedDict, total=False):
    """The three kinds of clipping; each is None if it is left out."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None


class SharedSettings(Clipping, total=False):
    """Both kinds of weight decay, 0 if left out, and clipping."""

    weight_decay: float
    decoupled_weight_decay: float


NO_CLIPPING: Clipping = {"clipnorm": None, "clipvalue": None, "global_clipnorm": None}
NO_SHARED: SharedSettings = {"weight_decay": 0.0, "decoupled_weight_decay": 0.0, **NO_CLIPPING}
RANGES = {
    "lr": NOT_NEGATIVE,
    "weight_decay": NOT_NEGATIVE,
    "decoupled_weight_decay": NOT_NEGATIVE,
    **dict.fromkeys(NO_CLIPPING, ABOVE_ZERO_OR_NONE),
}


def must_be_settings(group: Mapping[str, Any], ranges: Mapping[str, str]) -> None:
    """Raise `SettingError` if a parameter group has a setting outside its range, or clips twice.

    `ranges` are those of the optimizer's own settings.
    """
    known = {**RANGES, **ranges}
    must_be_in_range(**{name: (group[name], known[name]) for name in known if name in group})
    clips = {name: group[name] for name in NO_CLIPPING if group.get(name) is not None}
    if len(clips) > 1:
        given = ", ".join(f"{name} = {value!r}" for name, value in clips.items())
        raise SettingError(f"{given}: accepted: one of {', '.join(NO_CLIPPING)}")
