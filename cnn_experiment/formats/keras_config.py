"""The network that the JSON of a saved Keras model describes, read as data: nothing is built.

Accepted is a `Sequential` of the layers that `Network` can express, with settings it can express.
Sources: `get_config` of the layers in keras/src/layers; both ways in which Keras writes it, in
`cnn.h5` (class names alone) and in `.keras` archives (class, module and registered name).
"""

import json
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from cnn_experiment.errors import UserError, one_sentence, shortened
from cnn_experiment.settings.network import Convolution, Hidden, Network, Output
from cnn_experiment.value import accepted

_CHANNELS_LAST = {"data_format": "channels_last"}
_FIXED: dict[str, dict[str, Any]] = {
    "InputLayer": {"sparse": False, "ragged": False, "optional": False},
    "Conv2D": {
        "strides": [1, 1],
        "padding": "valid",
        "dilation_rate": [1, 1],
        "groups": 1,
        "use_bias": True,
        **_CHANNELS_LAST,
    },
    "MaxPooling2D": {"padding": "valid", **_CHANNELS_LAST},
    "Flatten": _CHANNELS_LAST,
    "Dense": {"use_bias": True},
    "Activation": {},
    "Softmax": {"axis": -1},
}
"""Settings of each accepted class that have one accepted value."""
_READ = {
    "InputLayer": {"batch_shape", "batch_input_shape"},
    "Conv2D": {"filters", "kernel_size", "activation"},
    "MaxPooling2D": {"pool_size", "strides"},
    "Dense": {"units", "activation"},
    "Activation": {"activation"},
}
"""Settings that go into the network."""
_OF_NO_EFFECT = {"name", "trainable", "batch_input_shape"} | {
    f"{variable}_{what}"
    for variable in ("kernel", "bias", "activity")
    for what in ("initializer", "regularizer", "constraint")
}
"""Settings that change nothing of what the trained network computes."""
_ACTIVATIONS = {
    part: get_args(part.model_fields["activation"].annotation)
    for part in (Convolution, Hidden, Output)
}


class _Layer(BaseModel):
    class_name: str
    module: str | None = None
    registered_name: str | None = None
    config: dict[str, Any]

    @property
    def title(self) -> str:
        """As it stands in messages: `layer 'lambda_1'`."""
        return f"layer {shortened(self.config.get('name'))}"


class _Model(BaseModel):
    class_name: str
    config: dict[str, Any]


class _Layers(BaseModel):
    layers: list[_Layer]


def read_config(text: str | bytes) -> tuple[Network, list[str]]:
    """Return the network, and the names in the file of its layers with weights, from first to last.

    `Output.crossentropy_of` is not told by a file, and is the default. Raises `UserError` that
    names the layer, the setting and its value where the network cannot express them.
    """
    try:
        model = _Model.model_validate_json(text)
        if model.class_name != "Sequential":
            found = with_article(shortened(model.class_name, quoted=False))
            raise UserError(f"the model is {found}; accepted: a Sequential")
        layers = _Layers.model_validate(model.config).layers
    except ValidationError as error:
        raise UserError(
            f"the model's configuration: {one_sentence(error, _Model, 'a config.json of Keras')}"
        ) from error
    for layer in layers:
        _must_be_known(layer)
    for layer in layers:
        _must_be_expressible(layer)
    if not layers or layers[0].class_name != "InputLayer":
        raise UserError("the model does not begin with an InputLayer; accepted: one that does")
    rest = _with_activations_inside(layers[1:])
    _must_be_in_order(rest)
    names = [layer.config.get("name") for layer in rest if layer.class_name in ("Conv2D", "Dense")]
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise UserError(f"layers are named {shortened(names)}; accepted: a name for each")
    return _network(layers[0], rest), [str(name) for name in names]


def with_article(noun: str) -> str:
    """Return the noun after `a` or `an`, chosen by its first letter: `an Embedding`."""
    return f"an {noun}" if noun[:1].lower() in set("aeiou") else f"a {noun}"


def _must_be_known(layer: _Layer) -> None:
    is_keras_own = layer.module in (None, "keras.layers") and layer.registered_name in (
        None,
        layer.class_name,
    )
    if layer.class_name not in _FIXED or not is_keras_own:
        origin = "" if is_keras_own else f" of {layer.module}"
        raise UserError(
            f"{layer.title} is {with_article(shortened(layer.class_name, quoted=False))}{origin};"
            f" {accepted(list(_FIXED))}, all of keras.layers"
        )


def _must_be_expressible(layer: _Layer) -> None:
    """Raise `UserError` for a setting with a meaning that a `Network` has no word for."""
    kind = layer.class_name
    for setting, value in layer.config.items():
        if setting in _OF_NO_EFFECT or setting in _READ.get(kind, ()):
            continue
        if setting == "dtype":
            _must_be_one_dtype(layer, value)
            continue
        wanted = _FIXED[kind].get(setting)
        if value != wanted:
            raise _refusal(layer, setting, value, json.dumps(wanted))
    pool_size, strides = layer.config.get("pool_size"), layer.config.get("strides")
    if kind == "MaxPooling2D" and strides not in (None, pool_size):
        raise _refusal(layer, "strides", strides, f"its pool_size, {shortened(pool_size)}")


def _must_be_one_dtype(layer: _Layer, value: Any) -> None:
    """Raise `UserError` for a policy that computes in another dtype than it keeps weights in."""
    if isinstance(value, dict) and value.get("class_name") == "DTypePolicy":
        value = value["config"].get("name") if isinstance(value.get("config"), dict) else None
    if value not in (None, "float32", "float64"):
        raise _refusal(layer, "dtype", value, "float32, float64")


def _with_activations_inside(layers: Sequence[_Layer]) -> list[_Layer]:
    """The layers with `Activation` and `Softmax` drawn into the linear layer before them."""
    kept: list[_Layer] = []
    for layer in layers:
        if layer.class_name not in ("Activation", "Softmax"):
            kept.append(layer)
            continue
        if not kept or kept[-1].config.get("activation") != "linear":
            raise UserError(
                f"{layer.title} is of class {layer.class_name};"
                " accepted: directly behind a Conv2D or Dense with activation 'linear'"
            )
        activation = layer.config.get("activation", "softmax")
        config = {**kept[-1].config, "activation": activation}
        kept[-1] = kept[-1].model_copy(update={"config": config})
    return kept


def _must_be_in_order(layers: Sequence[_Layer]) -> None:
    kinds = [layer.class_name for layer in layers]
    convolutions, dense = kinds.count("Conv2D"), max(kinds.count("Dense"), 1)
    wanted = [*(["Conv2D", "MaxPooling2D"] * convolutions)[:-1], "Flatten", *(["Dense"] * dense)]
    for layer, kind in zip_longest(layers, wanted):
        class_name = layer.class_name if layer is not None else None
        if class_name != kind:
            found = "nothing" if class_name is None else with_article(class_name)
            title = f"{layer.title} is" if layer is not None else "the model ends, there is"
            raise UserError(
                f"{title} {found} in the place of {kind or 'the end'}; accepted: Conv2D layers"
                " with one MaxPooling2D between each two, Flatten, Dense layers"
            )


def _network(input_layer: _Layer, layers: Sequence[_Layer]) -> Network:
    convolutions, pools, dense = (
        [layer for layer in layers if layer.class_name == kind]
        for kind in ("Conv2D", "MaxPooling2D", "Dense")
    )
    config = input_layer.config
    batch_shape = config.get("batch_shape", config.get("batch_input_shape"))
    if not isinstance(batch_shape, list) or len(batch_shape) != 4:
        raise _refusal(input_layer, "batch_shape", batch_shape, "[null, height, width, channels]")
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
    layer: _Layer, part: type[Convolution | Hidden | Output], sizes: tuple[str, ...]
) -> dict[str, Any]:
    activation = layer.config.get("activation", "linear")
    if activation not in _ACTIVATIONS[part]:
        raise _refusal(layer, "activation", activation, ", ".join(_ACTIVATIONS[part]))
    return {"activation": activation} | {size: layer.config.get(size) for size in sizes}


def _refusal(layer: _Layer, setting: str, value: Any, wanted: str) -> UserError:
    return UserError(f"{layer.title}: {setting} = {shortened(value)}; accepted: {wanted}")
