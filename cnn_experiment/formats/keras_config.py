"""Make a `Network` from the JSON of a saved Keras model, without building the model.

The model must be a `Sequential`, or a Functional model that is the same as one (`keras_graph`),
whose layers and settings `Network` can express (`keras_layer`). See `keras_training` for what is
taken of its training.
"""

import json
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from cnn_experiment.errors import UserError, one_sentence, shortened
from cnn_experiment.formats.keras_graph import must_be_a_chain
from cnn_experiment.formats.keras_layer import KerasLayer, with_article
from cnn_experiment.formats.keras_object import is_keras_own
from cnn_experiment.formats.keras_training import Training, training_of
from cnn_experiment.settings.network import Convolution, Hidden, Network, Output

_ACTIVATIONS = {
    part: get_args(part.model_fields["activation"].annotation)
    for part in (Convolution, Hidden, Output)
}


class Description(NamedTuple):
    """What a file says of a model besides its weights."""

    network: Network
    names: list[str]
    """The names in the file of the layers with weights, in order."""
    training: Training


class _Model(BaseModel):
    class_name: str
    module: str | None = None
    registered_name: str | None = None
    config: dict[str, Any]
    compile_config: Any = None
    """What `compile` was given, in a `.keras` archive."""


class _Layers(BaseModel):
    layers: list[KerasLayer]


def read_config(text: str | bytes, compiled: str | None = None) -> Description:
    """Return the description of a saved model; `compiled` is an HDF5 file's `training_config`.

    The file does not hold `Output.crossentropy_of`, which gets its default. Raises `UserError` for
    a model that `Network` cannot express; the message names the layer, the setting and its value.
    """
    try:
        model = _Model.model_validate_json(text)
    except ValidationError as error:
        raise _refusal(error) from error
    layers = _layers_in_order(model)
    for layer in layers:
        layer.must_be_accepted()
    for layer in layers:
        layer.must_be_expressible()
    if not layers or layers[0].class_name != "InputLayer":
        raise UserError("the model does not begin with an InputLayer; accepted: one that does")

    rest = _merge_activations(layers[1:])
    _must_be_in_order(rest)
    names = _names(layers)
    given = model.compile_config if compiled is None else _parsed(compiled)
    return Description(_network(layers[0], rest), names, training_of(layers, given))


def _names(layers: Sequence[KerasLayer]) -> list[str]:
    """Return the names of the layers with weights; raises `UserError` if two layers share one."""
    names = [layer.config.get("name") for layer in layers]
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise UserError(f"layers are named {shortened(names)}; accepted: a different name for each")
    return [
        str(name)
        for name, layer in zip(names, layers, strict=True)
        if layer.class_name in ("Conv2D", "Dense")
    ]


def _parsed(text: str) -> Any:
    """Return the value of a JSON text, or the text itself if it is damaged."""
    try:
        return from_json(text)
    except ValueError:
        return text


def _layers_in_order(model: _Model) -> list[KerasLayer]:
    is_keras = is_keras_own(model.class_name, model.module, model.registered_name)
    if not is_keras or model.class_name not in ("Sequential", "Functional", "Model"):
        class_name = with_article(shortened(model.class_name, quoted=False))
        origin = "" if is_keras else f" of {shortened(model.module)}"
        raise UserError(
            f"the model is {class_name}{origin};"
            " accepted: Keras' own Sequential, or a Functional that is a chain"
        )
    try:
        layers = _Layers.model_validate(model.config).layers
    except ValidationError as error:
        raise _refusal(error) from error
    if model.class_name != "Sequential":
        must_be_a_chain(layers, model.config)
    return layers


def _refusal(error: ValidationError) -> UserError:
    reason = one_sentence(error, _Model, "a config.json of Keras")
    return UserError(f"the model's configuration: {reason}")


def _merge_activations(layers: Sequence[KerasLayer]) -> list[KerasLayer]:
    """Turn each `Activation` and `Softmax` layer into the activation of the layer before it."""
    merged: list[KerasLayer] = []
    for layer in layers:
        if layer.class_name not in ("Activation", "Softmax"):
            merged.append(layer)
            continue
        if not merged or merged[-1].config.get("activation") != "linear":
            raise UserError(
                f"{layer.title} is of class {layer.class_name};"
                " accepted: directly after a Conv2D or Dense with activation 'linear'"
            )
        activation = layer.config.get("activation", "softmax")
        config = {**merged[-1].config, "activation": activation}
        merged[-1] = merged[-1].model_copy(update={"config": config})
    return merged


def _must_be_in_order(layers: Sequence[KerasLayer]) -> None:
    """Raise `UserError` at the first layer that is not of the class that `Network` has there."""
    classes = [layer.class_name for layer in layers]
    convolutions, dense = classes.count("Conv2D"), max(classes.count("Dense"), 1)
    # A pooling after each convolution but the last.
    wanted = [*(["Conv2D", "MaxPooling2D"] * convolutions)[:-1], "Flatten", *(["Dense"] * dense)]
    for layer, wanted_class in zip_longest(layers, wanted):
        class_name = layer.class_name if layer is not None else None
        if class_name != wanted_class:
            actual = "nothing" if class_name is None else with_article(class_name)
            title = f"{layer.title} is" if layer is not None else "the model ends, there is"
            raise UserError(
                f"{title} {actual} in the place of {wanted_class or 'the end'}; accepted: Conv2D"
                " layers with one MaxPooling2D between each two, Flatten, Dense layers"
            )


def _network(input_layer: KerasLayer, layers: Sequence[KerasLayer]) -> Network:
    """Return the network of layers that are in order; raises `UserError` for a wrong value."""
    convolutions, pools, dense = (
        [layer for layer in layers if layer.class_name == class_name]
        for class_name in ("Conv2D", "MaxPooling2D", "Dense")
    )
    config = input_layer.config
    batch_shape = config.get("batch_shape", config.get("batch_input_shape"))
    if not isinstance(batch_shape, list) or len(batch_shape) != 4:
        wanted = "[null, height, width, channels]"
        raise input_layer.refusal("batch_shape", batch_shape, wanted)

    # The values are still unchecked; `Network.from_json` validates them like any other JSON.
    values = {
        "input_shape": batch_shape[1:],
        "convolutions": [
            _values(layer, Convolution, ("filters", "kernel_size")) for layer in convolutions
        ],
        "pools": [layer.config.get("pool_size") for layer in pools],
        "hidden": [_values(layer, Hidden, ("units",)) for layer in dense[:-1]],
        "output": _values(dense[-1], Output, ("units",)),
    }
    try:
        return Network.from_json(json.dumps(values))
    except UserError as error:
        raise UserError(f"the model's network: {error}") from error


def _values(
    layer: KerasLayer, part: type[Convolution | Hidden | Output], sizes: tuple[str, ...]
) -> dict[str, Any]:
    """Return the fields of a `part` of the network: its activation, and these sizes."""
    activation = layer.config.get("activation", "linear")
    if activation not in _ACTIVATIONS[part]:
        raise layer.refusal("activation", activation, ", ".join(_ACTIVATIONS[part]))
    return {"activation": activation} | {size: layer.config.get(size) for size in sizes}
