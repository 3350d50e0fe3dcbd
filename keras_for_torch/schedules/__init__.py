"""Keras' learning-rate schedules, with Keras' names and arguments, and what attaches them."""

from keras_for_torch.schedules.cosine import CosineDecay, CosineDecayRestarts
from keras_for_torch.schedules.decays import ExponentialDecay, InverseTimeDecay
from keras_for_torch.schedules.piecewise import PiecewiseConstantDecay
from keras_for_torch.schedules.plateau import KerasReduceLROnPlateau
from keras_for_torch.schedules.polynomial import PolynomialDecay
from keras_for_torch.schedules.schedule import Schedule
from keras_for_torch.schedules.scheduler import KerasScheduler

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "KerasReduceLROnPlateau",
    "KerasScheduler",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "Schedule",
]
