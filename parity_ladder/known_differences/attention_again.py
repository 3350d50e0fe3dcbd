"""A multi-head attention computed again, with another mask, scale or order of its inputs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import keras
import numpy as np

from parity_ladder.known_differences.places import Array, LayerPlace

_MultiHead = keras.layers.MultiHeadAttention
_FAR_BELOW = -1e30
"""What the score of a pair becomes that the mask leaves out: its weight rounds to 0."""


@dataclass(frozen=True)
class Attention:
    """The inputs, the weights and the mask of one call of a `MultiHeadAttention`."""

    query: Array
    value: Array
    key: Array
    kernels: Mapping[str, Array]
    """By `query/kernel`, `query/bias` and so on; that of the query is (features, heads, size)."""
    paddings: tuple[Array, ...]
    """Masks of steps (batch, time), True for steps that count."""
    explicit: Array | None
    """The `attention_mask` (batch, queries, keys), True for pairs that attend."""
    is_causal: bool
    factor: float = 1.0
    """What the scores are multiplied by, besides one over the root of the size of a head."""

    def with_changes(self, **changes: Any) -> Self:
        """Return the attention with other values."""
        return replace(self, **changes)

    @property
    def mask(self) -> Array | None:
        """The whole mask (batch or 1, queries, keys), True for pairs that attend."""
        masks = [] if self.explicit is None else [self.explicit]
        for padding in self.paddings:
            if padding.shape[1] == self.query.shape[1]:
                masks.append(padding[:, :, None])
            if padding.shape[1] == self.value.shape[1]:
                masks.append(padding[:, None, :])
        if self.is_causal:
            masks.append(np.tri(self.query.shape[1], self.value.shape[1], dtype=bool)[None])
        return np.logical_and.reduce(np.broadcast_arrays(*masks)) if masks else None

    def weights(self) -> Array:
        """Return how much each query attends to each key (batch, heads, queries, keys)."""
        query, key = self._projected("query", self.query), self._projected("key", self.key)
        scores = np.einsum("bqhd,bkhd->bhqk", query, key) * self.factor / np.sqrt(query.shape[-1])
        if self.mask is not None:
            scores = np.where(self.mask[:, None], scores, _FAR_BELOW)
        exponents = np.exp(scores - scores.max(-1, keepdims=True))
        return np.asarray(exponents / exponents.sum(-1, keepdims=True))

    def output(self) -> Array:
        """Return the output (batch, queries, features)."""
        value = self._projected("value", self.value)
        heads = np.einsum("bhqk,bkhd->bqhd", self.weights(), value)
        kernel, bias = self.kernels["output/kernel"], self.kernels.get("output/bias", 0.0)
        return np.asarray(np.einsum("bqhd,hde->bqe", heads, kernel) + bias)

    def with_heads(self, heads: int) -> Self:
        """Return the attention with its features divided into another number of heads."""

        def divided(name: str, array: Array) -> Array:
            if name.startswith("output"):
                return array.reshape(heads, -1, array.shape[-1]) if array.ndim == 3 else array
            return array.reshape(*array.shape[:-2], heads, -1)

        kernels = {name: divided(name, array) for name, array in self.kernels.items()}
        return replace(self, kernels=kernels)

    def _projected(self, name: str, array: Array) -> Array:
        projected = np.einsum("bte,ehd->bthd", array, self.kernels[f"{name}/kernel"])
        return np.asarray(projected + self.kernels.get(f"{name}/bias", 0.0))


def attention_at(place: LayerPlace) -> Attention | None:
    """Return the attention of the place, which may be its last projection or its softmax.

    None for another layer, and for an attention that this file does not compute as Keras does.
    """
    for call in place.calls:
        layer: Any = call.layer
        if not isinstance(layer, _MultiHead):
            continue
        if place.layer not in {layer, layer._output_dense, layer._softmax}:
            continue
        floats = [each for each in call.inputs if each.dtype.kind == "f"]
        given = [*call.inputs, *call.masks]
        masks = [each.astype(bool) for each in given if each.dtype.kind in "biu"]
        if len(floats) not in {2, 3} or any(each.ndim != 3 for each in floats):
            return None
        explicit = [each for each in masks if each.ndim == 3]
        common = Attention(
            floats[0],
            floats[1],
            floats[-1],
            _kernels(place, layer),
            tuple(each for each in masks if each.ndim == 2),
            explicit[0] if explicit else None,
            is_causal=False,
        )
        # Whether it is causal was an argument of the call.
        for candidate in (common, common.with_changes(is_causal=True)):
            if np.allclose(candidate.output(), call.outputs[0], rtol=1e-6, atol=1e-9):
                return candidate
    return None


def shown_at(place: LayerPlace, attention: Attention) -> Array:
    """Return what the layer of the place makes of an attention."""
    is_softmax = isinstance(place.layer, keras.layers.Softmax)
    return attention.weights() if is_softmax else attention.output()


def _kernels(place: LayerPlace, layer: Any) -> dict[str, Array]:
    names = {id(variable): name for name, variable in place.reference.variables.items()}
    parts = {
        "query": layer._query_dense,
        "key": layer._key_dense,
        "value": layer._value_dense,
        "output": layer._output_dense,
    }
    return {
        f"{part}/{variable.name}": place.state.weights[names[id(variable)]]
        for part, dense in parts.items()
        for variable in dense.weights
    }
