"""The experiment's learning-rate schedule as a stock `LambdaLR`."""

from numpy.typing import DTypeLike
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from cnn_experiment.errors import UserError
from cnn_experiment.settings.schedules import SCHEDULES, AnySchedule, Schedule


def keras_schedule(
    optimizer: Optimizer,
    schedule: Schedule,
    dtype: DTypeLike = "float32",
    iteration: int = 0,
) -> LambdaLR:
    """Return a scheduler whose rates are exactly those of Keras; call its `step` after every batch.

    `LambdaLR` multiplies the optimizer's learning rate by a factor. Here that learning rate is set
    to 1 in every group, so that the factor is the rate itself and the product is not rounded.
    `dtype` is that of the model, `iteration` the number of updates already made. Raises `UserError`
    for an argument that is not a schedule.
    """
    if not isinstance(schedule, AnySchedule):
        names = ", ".join(each.__name__ for each in SCHEDULES.values())
        raise UserError(f"schedule = {schedule!r}: accepted: {names} of cnn_experiment")
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] = 1.0
    return LambdaLR(
        optimizer, lambda count: float(schedule.rates(count, dtype)), last_epoch=iteration - 1
    )
