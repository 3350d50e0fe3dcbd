"""One layer in the JSON of a saved Keras model, and the check that `Network` can express it.

Sources: `get_config` of the layers in keras/src/layers. Keras writes the class in two ways: by
its name alone in `cnn.h5`, and by name, module and registered name in `.keras` archives.
"""

import json
from typing import Any

from pydantic import BaseModel

from cnn_experiment.errors import UserError, shortened
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
"""The accepted classes, and their settings that have only one accepted value."""
_READ = {
    "InputLayer": {"batch_shape", "batch_input_shape"},
    "Conv2D": {"filters", "kernel_size", "activation"},
    "MaxPooling2D": {"pool_size", "strides"},
    "Dense": {"units", "activation"},
    "Activation": {"activation"},
}
"""The settings of each class that `keras_config` turns into settings of the `Network`."""
_WITHOUT_EFFECT = {"name", "trainable", "batch_input_shape"} | {
    f"{variable}_{what}"
    for variable in ("kernel", "bias", "activity")
    for what in ("initializer", "regularizer", "constraint")
}
"""Settings that do not change what the trained network computes."""


class KerasLayer(BaseModel):
    """A layer as it is in the JSON; `config` holds its settings."""

    class_name: str
    module: str | None = None
    registered_name: str | None = None
    config: dict[str, Any]
    inbound_nodes: list[Any] = []
    """Where its inputs come from; in a Functional model alone."""

    @property
    def title(self) -> str:
        """The layer's name in a message: `layer 'lambda_1'`."""
        return f"layer {shortened(self.config.get('name'))}"

    def must_be_accepted(self) -> None:
        """Raise `UserError` for a class that is not accepted or not one of Keras' own."""
        is_keras_own = self.module in (None, "keras.layers") and self.registered_name in (
            None,
            self.class_name,
        )
        if self.class_name not in _FIXED or not is_keras_own:
            origin = "" if is_keras_own else f" of {shortened(self.module, quoted=False)}"
            class_name = with_article(shortened(self.class_name, quoted=False))
            raise UserError(
                f"{self.title} is {class_name}{origin};"
                f" {accepted(list(_FIXED))}, all of keras.layers"
            )

    def must_be_expressible(self) -> None:
        """Raise `UserError` for a setting that changes the computation and that `Network` lacks.

        Every setting must be known: Keras may add one that changes what a layer computes.
        """
        for setting, value in self.config.items():
            if setting in _WITHOUT_EFFECT or setting in _READ.get(self.class_name, ()):
                continue
            if setting == "dtype":
                # Another policy computes in another dtype than that of the weights.
                if self.dtype not in (None, "float32", "float64"):
                    raise self.refusal("dtype", self.dtype, "float32, float64")
                continue
            # For an unknown setting this is None: its value may only be null.
            wanted = _FIXED[self.class_name].get(setting)
            if value != wanted:
                raise self.refusal(setting, value, json.dumps(wanted))

        pool_size, strides = self.config.get("pool_size"), self.config.get("strides")
        if self.class_name == "MaxPooling2D" and strides not in (None, pool_size):
            raise self.refusal("strides", strides, f"its pool_size, {shortened(pool_size)}")

    @property
    def dtype(self) -> Any:
        """The name of the layer's dtype policy; None if the JSON has none."""
        match self.config.get("dtype"):
            case {"class_name": "DTypePolicy", "config": dict(config)}:
                return config.get("name")
            case other:
                return other

    def refusal(self, setting: str, value: Any, wanted: str) -> UserError:
        """Return the error for a value of a setting that is not accepted."""
        return UserError(f"{self.title}: {setting} = {shortened(value)}; accepted: {wanted}")


def with_article(noun: str) -> str:
    """Return the noun after `a` or `an`, chosen by its first letter: `an Embedding`."""
    return f"an {noun}" if noun[:1].lower() in set("aeiou") else f"a {noun}"
