"""A known difference in the gradient of an embedding."""

from typing import Any

import keras

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import UpdatePlace
from parity_ladder.known_differences.replaying import updated


@known(
    "occurrences of a token added up",
    rung="optimizer state",
    area="optimizers",
    source="keras/src/backend/tensorflow/sparse.py; keras/src/optimizers/adam.py",
)
def added_up(place: UpdatePlace) -> Any:
    """The port adds up the gradients of all occurrences of a token before it squares them.

    On TensorFlow, Keras keeps one row for each occurrence of a token in the batch, and squares,
    measures and clips row by row. So a velocity becomes the sum of squares, not the square of the
    sum. Make the embedding `nn.Embedding(..., sparse=True)`, and take an optimizer of
    `keras_for_torch`, which then does the same.
    """
    embeddings = {
        place.reference.name_of(layer.embeddings)
        for layer in place.model._flatten_layers()
        if isinstance(layer, keras.layers.Embedding)
    }
    if not embeddings & place.gradients.keys():
        return None
    return {
        name: array
        for name, array in updated(place).items()
        if name not in place.gradients and name.partition("/")[2] in embeddings
    }
