"""The settings of Keras' optimizers; the learning rate comes from the experiment's schedule."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from cnn_experiment.kinds import by_kind
from cnn_experiment.value import Fraction, Positive, Value


class RMSprop(Value):
    """Keras' RMSprop, the only one of these with a `momentum` setting."""

    kind: Literal["rmsprop"] = "rmsprop"
    rho: Fraction = 0.9
    momentum: Fraction = 0.0
    epsilon: Positive = 1e-7
    epsilon_outside: bool = False
    """Divide by sqrt(velocity) + epsilon, as Keras 2 and tf.keras 2 did if there was no momentum,
    and as `torch.optim.RMSprop` does. Keras 3 divides by sqrt(velocity + epsilon)."""
    scalars: ClassVar[Mapping[str, float]] = {}

    @model_validator(mode="after")
    def _outside_has_no_momentum(self) -> Self:
        if self.epsilon_outside and self.momentum > 0:
            raise ValueError(
                f"epsilon_outside with momentum {self.momentum}; accepted: without momentum, since"
                " no version of Keras had both"
            )
        return self

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the arrays that the optimizer keeps for each variable; they start at zero."""
        return ("velocity", "momentum") if self.momentum > 0 else ("velocity",)


class AdamLike(Value):
    """The settings of Nadam and Adamax."""

    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: Positive = 1e-7
    slots: ClassVar[tuple[str, ...]]
    scalars: ClassVar[Mapping[str, float]] = {}
    """Names and initial values of the single numbers that the optimizer keeps besides the arrays.

    They only decrease, towards 0. Both backends use these names.
    """


class Nadam(AdamLike):
    """Keras' Nadam: Adam with Nesterov momentum, which changes by a fixed schedule."""

    kind: Literal["nadam"] = "nadam"
    slots: ClassVar[tuple[str, ...]] = ("momentum", "velocity")
    scalars: ClassVar[Mapping[str, float]] = {"u_product": 1.0}
    """The product of the values of the momentum schedule so far."""


class Adamax(AdamLike):
    """Keras' Adamax: Adam with the infinity norm."""

    kind: Literal["adamax"] = "adamax"
    slots: ClassVar[tuple[str, ...]] = ("momentum", "norm")


AnyOptimizer = RMSprop | Nadam | Adamax
Optimizer = Annotated[AnyOptimizer, Field(discriminator="kind")]
OPTIMIZERS: dict[str, type[AnyOptimizer]] = by_kind(AnyOptimizer)
SCALARS = frozenset(name for optimizer in OPTIMIZERS.values() for name in optimizer.scalars)
"""The names of all `scalars` of these optimizers."""
