"""The RMSprop of Keras 2 as an optimizer of Keras 3."""

import keras
from keras import ops


class RMSpropOfKeras2(keras.optimizers.RMSprop):
    """Divides by sqrt(velocity) + epsilon, and has no momentum.

    Source: `RMSprop.get_updates` in keras/optimizers.py of Keras 2.3, and
    `RMSprop._resource_apply_dense` in tensorflow/python/keras/optimizer_v2/rmsprop.py of
    TensorFlow 2.2, which is the same without momentum.
    """

    def build(self, variables: list[keras.Variable]) -> None:
        """Make the velocities; raises `ValueError` for settings that Keras 2 did not have."""
        if self.momentum or self.centered:
            raise ValueError(
                f"momentum = {self.momentum}, centered = {self.centered}: accepted: neither"
            )
        super().build(variables)

    def update_step(
        self,
        gradient: keras.KerasTensor,
        variable: keras.Variable,
        learning_rate: keras.KerasTensor,
    ) -> None:
        """Update one variable and its velocity."""
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        velocity = self._velocities[self._get_variable_index(variable)]

        kept = ops.multiply(self.rho, velocity)
        self.assign(velocity, ops.add(kept, ops.multiply(1 - self.rho, ops.square(gradient))))
        root = ops.add(ops.sqrt(velocity), self.epsilon)
        self.assign_sub(variable, ops.divide(ops.multiply(rate, gradient), root))
