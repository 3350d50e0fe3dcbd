"""Any compiled Keras model as the reference of a climb. Loads Keras and TensorFlow."""

from parity_ladder.keras_side.side import KerasSide

__all__ = ["KerasSide"]
