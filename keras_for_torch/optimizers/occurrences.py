"""The gradient of an embedding as Keras on TensorFlow has it: a row for each occurrence of a token.

TensorFlow keeps the gradient of an embedding as one row for each token of the batch. A token that
occurs three times has three rows. Where Keras' optimizers compute with the gradient itself, the
three are added up, as in PyTorch. But where they take its square or its magnitude, or clip it, they
do so row by row, and add up afterwards. So a velocity becomes the sum of squares, not the square of
the sum. (Measured with Keras 3.15 on TensorFlow 2.21.)

`nn.Embedding(..., sparse=True)` gives PyTorch's gradient in the same form.
Source: keras/src/backend/tensorflow/sparse.py.
"""

from torch import Tensor


class Occurrences:
    """The rows of a sparse gradient, one for each occurrence of a token."""

    def __init__(self, parameter: Tensor, gradient: Tensor) -> None:
        """`gradient` is the sparse gradient of `parameter`, an embedding (tokens, features)."""
        self._tokens = gradient._indices()[0]
        self._shape = parameter.shape
        self.rows = gradient._values().clone()
        """Shape (occurrences, features); clipping changes them in place."""

    def total(self) -> Tensor:
        """Return the gradient as a flat vector over the embedding."""
        return self._added_up(self.rows)

    def squares(self) -> Tensor:
        """Return the sums of the rows' squares as a flat vector over the embedding."""
        return self._added_up(self.rows.square())

    def magnitudes(self) -> Tensor:
        """Return the sums of the rows' magnitudes as a flat vector over the embedding."""
        return self._added_up(self.rows.abs())

    def _added_up(self, rows: Tensor) -> Tensor:
        return rows.new_zeros(self._shape).index_add_(0, self._tokens, rows).reshape(-1)
