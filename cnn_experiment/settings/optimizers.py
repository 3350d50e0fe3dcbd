"""Keras' optimizers with their settings; the learning rate comes from the experiment's schedule."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from cnn_experiment.value import Fraction, Positive, Value


class RMSprop(Value):
    """Keras' RMSprop, the only one with a momentum to set."""

    kind: Literal["rmsprop"] = "rmsprop"
    rho: Fraction = 0.9
    momentum: Fraction = 0.0
    epsilon: Positive = 1e-7

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the arrays that are kept for each variable, zero at the beginning."""
        return ("velocity", "momentum") if self.momentum > 0 else ("velocity",)


class AdamLike(Value):
    """Settings of the two optimizers below, which have no momentum to set, unlike RMSprop."""

    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: Positive = 1e-7
    slots: ClassVar[tuple[str, ...]]


class Nadam(AdamLike):
    """Keras' Nadam: Adam with Nesterov's momentum, whose schedule is part of its equation."""

    kind: Literal["nadam"] = "nadam"
    slots: ClassVar[tuple[str, ...]] = ("momentum", "velocity")


class Adamax(AdamLike):
    """Keras' Adamax: Adam on the infinity norm."""

    kind: Literal["adamax"] = "adamax"
    slots: ClassVar[tuple[str, ...]] = ("momentum", "norm")


Optimizer = Annotated[RMSprop | Nadam | Adamax, Field(discriminator="kind")]
