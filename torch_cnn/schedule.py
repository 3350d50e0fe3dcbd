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
    """Return a scheduler to be stepped after every batch; each rate is exactly Keras'.

    The optimizer's own learning rate is set to 1 in every group, so that the factor that `LambdaLR`
    applies is the rate itself and no multiplication rounds it. `dtype` is the model's, `iteration`
    the count of updates made before. Raises `UserError` for anything but a schedule.
    """
    if not isinstance(schedule, AnySchedule):
        names = ", ".join(each.__name__ for each in SCHEDULES.values())
        raise UserError(f"schedule = {schedule!r}: accepted: {names} of cnn_experiment")
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] = 1.0
    return LambdaLR(
        optimizer, lambda count: float(schedule.rates(count, dtype)), last_epoch=iteration - 1
    )
