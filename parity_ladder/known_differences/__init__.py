"""Known differences between any Keras model and its port, each as an entry of a catalogue."""

from parity_ladder.known_differences import (  # noqa: F401 - each enters its own
    activations,
    adam,
    clipping,
    convolutions,
    gradients,
    initial_state,
    inputs,
    loss_reductions,
    losses_of_classes,
    losses_of_directions,
    losses_of_probabilities,
    losses_of_values,
    metrics,
    normalizations,
    occurrences,
    other_normalizations,
    parameters,
    penalties,
    pooling,
    reshaping,
    resizing,
    rmsprop,
    schedule_shapes,
    schedules,
    settings,
    sgd,
    updates,
    weight_decay,
)
from parity_ladder.known_differences.catalogue import CATALOGUE, Entry, known

__all__ = ["CATALOGUE", "Entry", "known"]
