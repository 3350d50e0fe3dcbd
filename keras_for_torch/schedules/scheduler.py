"""Attaches a schedule to any `torch.optim.Optimizer`."""

from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from keras_for_torch.schedules.base_rate import base_rate
from keras_for_torch.setting_ranges import SettingError


class KerasScheduler(LRScheduler):
    """Sets the rate of each update by a schedule; call its `step` after every batch.

        optimizer = KerasAdam([{"params": head}, {"params": body, "lr": 1e-4}], lr=1e-3)
        scheduler = KerasScheduler(optimizer, CosineDecay(1e-3, decay_steps=10_000))

    A parameter group whose `lr` is the base, 1e-3 here, gets exactly the schedule's rate. Every
    other group gets that rate times the ratio of its `lr` to the base, a tenth for `body`. The base
    is `base_lr` or, if that is None, the optimizer's argument `lr`.

    `schedule` is a schedule of this package, or any function from the number of updates made to a
    rate. It is no part of the `state_dict`. As with every scheduler of PyTorch, to go on from saved
    states: make the scheduler first, then load the optimizer's state and the scheduler's.

    Raises `SettingError` for a base that is not above 0, and for a schedule that is no function.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedule: Callable[[int], float],
        base_lr: float | None = None,
        last_epoch: int = -1,
    ) -> None:
        if not callable(schedule):
            raise SettingError(
                f"schedule = {schedule!r}: accepted: a schedule, such as CosineDecay, or a function"
                " of the number of updates made"
            )
        self.schedule = schedule
        self.base_lr = base_rate(optimizer, base_lr)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Return each group's rate for the next update; `last_epoch` updates have been made."""
        rate = self.schedule(self.last_epoch)
        return [rate * (initial / self.base_lr) for initial in self.base_lrs]

    def state_dict(self) -> dict[str, Any]:
        """Return what changes during training: plain numbers, without the schedule."""
        return {name: value for name, value in super().state_dict().items() if name != "schedule"}
