"""The rate that a schedule is about, and the ratios of the parameter groups to it."""

from torch.optim import Optimizer

from keras_for_torch.setting_ranges import ABOVE_ZERO, must_be_in_range


def base_rate(optimizer: Optimizer, base_lr: float | None) -> float:
    """Return `base_lr` or, if it is None, the optimizer's argument `lr`.

    Raises `SettingError` if that is not above 0.
    """
    rate = optimizer.defaults.get("lr") if base_lr is None else base_lr
    must_be_in_range(base_lr=(rate, ABOVE_ZERO))
    return float(rate)  # type: ignore[arg-type]  # a number, since it is in range
