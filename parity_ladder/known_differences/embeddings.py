"""Known differences in embeddings, and in what follows on them."""

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from parity_ladder.known_differences.calling_again import called_again, mask_of
from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import Array, GradientsPlace, LayerPlace
from parity_ladder.known_differences.recomputing import nearest
from parity_ladder.pairing.torch_units import named_modules

_L = keras.layers
_SOURCE = "keras/src/layers/core/embedding.py; torch/nn/modules/sparse.py"


def _embeddings(place: GradientsPlace) -> Iterator[tuple[str, nn.Embedding, Array]]:
    """Yield the variable of each embedding, the port's module, and the tokens of the batch."""
    modules = dict(named_modules(place.port.module))
    units = {match.theirs.name: match for match in place.pairs.matches}
    for call in place.reference.layer_calls(place.state, place.batch):
        match = units.get(call.name)
        module = modules.get(match.ours.name) if match else None
        if match is not None and isinstance(module, nn.Embedding):
            yield match.theirs.parts["embeddings"].name, module, call.inputs[0]


@known("row of the padding frozen", rung="gradients", area="layers", source=_SOURCE)
def padding_row_frozen(place: GradientsPlace) -> Any:
    """The port's embedding has a `padding_idx`, so the vector of this token never changes.

    Keras' `mask_zero` masks the padding in the layers that follow, and trains its vector wherever
    it is used. Leave `padding_idx` out.
    """
    assert place.theirs.gradients is not None  # noqa: S101 - there is no such place without
    found = {}
    for name, module, _ in _embeddings(place):
        if module.padding_idx is not None:
            gradient = place.theirs.gradients[name].copy()
            gradient[module.padding_idx] = 0.0
            found[name] = gradient
    return found or None


@known("gradient divided by the frequency", rung="gradients", area="layers", source=_SOURCE)
def scaled_by_frequency(place: GradientsPlace) -> Any:
    """The port's embedding divides each token's gradient by its frequency in the batch.

    Keras does not. Leave `scale_grad_by_freq=True` out.
    """
    assert place.theirs.gradients is not None  # noqa: S101 - there is no such place without
    found = {}
    for name, module, tokens in _embeddings(place):
        if module.scale_grad_by_freq:
            gradient = place.theirs.gradients[name]
            counts = np.bincount(tokens.ravel().astype(np.int64), minlength=len(gradient))
            found[name] = gradient / np.maximum(counts, 1)[:, None]
    return found or None


@known("vectors cut to a norm", rung="layer outputs", area="layers", source=_SOURCE)
def renormalised(place: LayerPlace) -> Any:
    """The port's embedding shortens the vectors to `max_norm`, and keeps them so.

    Keras' does not. Leave `max_norm` out; for Keras' `embeddings_constraint=MaxNorm(...)`, shorten
    the vectors after `optimizer.step()`.
    """
    norm = getattr(place.module, "max_norm", None)
    if not isinstance(place.layer, _L.Embedding) or norm is None:
        return None
    tokens = torch.from_numpy(place.inputs[0].astype(np.int64))
    vectors = torch.from_numpy(place.weights["embeddings"].copy())
    return functional.embedding(tokens, vectors, max_norm=norm).numpy()


@known(
    "embedding scaled",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/core/embedding.py",
)
def scaled_by_the_root(place: LayerPlace) -> Any:
    """The port multiplies the embedding by the root of its size, as transformers often do.

    Keras' layer does not. Leave the factor `math.sqrt(d_model)` out.
    """
    values = [each for each in place.inputs if each.dtype.kind == "f"]
    if not values or isinstance(place.layer, _L.Embedding):
        return None
    candidates = []
    for call in place.calls:
        if isinstance(call.layer, _L.Embedding) and call.outputs[0].size == values[0].size:
            # It may have been flattened, or another one been added, before it gets here.
            vectors = call.outputs[0]
            added = (math.sqrt(vectors.shape[-1]) - 1) * vectors.reshape(values[0].shape)
            same = [np.array_equal(each, values[0]) for each in values]
            inputs = [e + added if is_it else e for e, is_it in zip(values, same, strict=True)]
            candidates.append(called_again(place, *inputs))
    return nearest(place.ours, candidates)


@known(
    "padding averaged",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/pooling/global_average_pooling1d.py",
)
def padding_averaged(place: LayerPlace) -> Any:
    """The port takes the mean over all steps, and Keras over those that the mask leaves.

    `mask_zero=True` masks the padding. Write `(x * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]`
    with `mask = tokens != 0`.
    """
    if not isinstance(place.layer, _L.GlobalAveragePooling1D) or mask_of(place) is None:
        return None
    return called_again(place)
