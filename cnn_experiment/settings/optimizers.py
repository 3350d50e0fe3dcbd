"""Keras' optimizers with their settings; the learning rate comes from the experiment's schedule."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from cnn_experiment.kinds import by_kind
from cnn_experiment.value import Fraction, Positive, Value


class RMSprop(Value):
    """Keras' RMSprop, the only one with a momentum to set."""

    kind: Literal["rmsprop"] = "rmsprop"
    rho: Fraction = 0.9
    momentum: Fraction = 0.0
    epsilon: Positive = 1e-7
    scalars: ClassVar[Mapping[str, float]] = {}

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
    scalars: ClassVar[Mapping[str, float]] = {}
    """Single numbers that are kept, with what they begin at; they only fall from there, towards 0.

    Both backends keep them under these names.
    """


class Nadam(AdamLike):
    """Keras' Nadam: Adam with Nesterov's momentum, whose schedule is part of its equation."""

    kind: Literal["nadam"] = "nadam"
    slots: ClassVar[tuple[str, ...]] = ("momentum", "velocity")
    scalars: ClassVar[Mapping[str, float]] = {"u_product": 1.0}
    """The product of its momentum schedule so far."""


class Adamax(AdamLike):
    """Keras' Adamax: Adam on the infinity norm."""

    kind: Literal["adamax"] = "adamax"
    slots: ClassVar[tuple[str, ...]] = ("momentum", "norm")


AnyOptimizer = RMSprop | Nadam | Adamax
Optimizer = Annotated[AnyOptimizer, Field(discriminator="kind")]
OPTIMIZERS: dict[str, type[AnyOptimizer]] = by_kind(AnyOptimizer)
SCALARS = frozenset(name for optimizer in OPTIMIZERS.values() for name in optimizer.scalars)
"""Names of the single numbers that any of them keeps."""
