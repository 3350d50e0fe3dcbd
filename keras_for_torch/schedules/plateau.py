"""The rule of Keras' callback `ReduceLROnPlateau`, for any `torch.optim.Optimizer`."""

from typing import Any

import numpy as np
import torch
from torch.optim import Optimizer

from keras_for_torch.schedules.base_rate import base_rate
from keras_for_torch.setting_ranges import FRACTION, NOT_NEGATIVE, SettingError, must_be_in_range


class KerasReduceLROnPlateau:
    """Multiplies the rate by `factor` when a metric stops improving; call `step` after each epoch.

    `torch.optim.lr_scheduler.ReduceLROnPlateau` has another rule. By default its threshold is a
    fraction of the best value, where `min_delta` is a difference. It waits for one epoch more: it
    reduces when more than `patience` epochs were bad, Keras when `patience` were. And it holds each
    group's own rate above `min_lr`; here that is a bound on the base, and the groups keep their
    ratios to it.

    `mode` is min for a metric that should decrease, such as a loss, and max for one that should
    increase. (Keras' `auto` finds that out from the metric's name.) The base is `base_lr` or, if
    that is None, the optimizer's argument `lr`. As in Keras, values are compared as float32, and
    the base is float32 unless the parameters are float64.

    Raises `SettingError` for an argument that is not accepted.
    Source: keras/src/callbacks/reduce_lr_on_plateau.py and monitor_callback.py.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 0.1,
        patience: int = 10,
        mode: str = "min",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        base_lr: float | None = None,
    ) -> None:
        must_be_in_range(
            factor=(factor, FRACTION),
            patience=(patience, NOT_NEGATIVE),
            min_delta=(min_delta, NOT_NEGATIVE),
            cooldown=(cooldown, NOT_NEGATIVE),
            min_lr=(min_lr, NOT_NEGATIVE),
        )
        if mode not in ("min", "max"):
            raise SettingError(f"mode = {mode!r}: accepted: min, max")
        self.optimizer = optimizer
        self.factor, self.patience, self.mode = factor, patience, mode
        self.min_delta, self.cooldown, self.min_lr = min_delta, cooldown, min_lr

        first = optimizer.param_groups[0]["params"][0]
        self._dtype = np.float64 if first.dtype == torch.float64 else np.float32
        base = base_rate(optimizer, base_lr)
        self._ratios = [
            float(group.setdefault("initial_lr", group["lr"])) / base
            for group in optimizer.param_groups
        ]
        self.rate = float(self._dtype(base))
        self.best: float | None = None
        self.wait = 0
        self.cooldown_left = 0

    def step(self, metric: float) -> None:
        """Take the metric of an epoch, and reduce the rate if it is time to."""
        if self.cooldown_left > 0:
            self.cooldown_left -= 1
            self.wait = 0
        if self._is_improvement(float(metric)):
            self.best, self.wait = float(metric), 0
        elif self.cooldown_left == 0:
            self.wait += 1
            if self.wait >= self.patience and np.float32(self.rate) > np.float32(self.min_lr):
                self._reduce()
                self.wait, self.cooldown_left = 0, self.cooldown

    def _is_improvement(self, metric: float) -> bool:
        if self.best is None:
            return True
        if self.mode == "min":
            return bool(np.float32(metric + self.min_delta) < np.float32(self.best))
        return bool(np.float32(metric - self.min_delta) > np.float32(self.best))

    def _reduce(self) -> None:
        self.rate = float(self._dtype(max(self.rate * self.factor, self.min_lr)))
        for group, ratio in zip(self.optimizer.param_groups, self._ratios, strict=True):
            group["lr"] = self.rate * ratio

    def state_dict(self) -> dict[str, Any]:
        """Return what changes during training; the groups' rates are the optimizer's state."""
        return {
            "rate": self.rate,
            "best": self.best,
            "wait": self.wait,
            "cooldown_left": self.cooldown_left,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` returned."""
        for name in self.state_dict():
            setattr(self, name, state_dict[name])
