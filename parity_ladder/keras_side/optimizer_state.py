"""The state of a Keras optimizer, by the names of its slots and of the model's variables."""

from collections.abc import Mapping

import keras

from parity_ladder.errors import LadderError


def slots(
    optimizer: keras.optimizers.Optimizer, names: Mapping[int, str]
) -> dict[str, keras.Variable]:
    """Return what the optimizer keeps, by names such as `momentum/dense/kernel` and `u_product`.

    `names` are the names of the model's variables by their `id`. The count of updates and the
    learning rate are not among them.
    """
    found: dict[str, keras.Variable] = {}
    trainable = optimizer._trainable_variables
    for attribute, value in vars(optimizer).items():
        if attribute == "_trainable_variables":
            continue
        if isinstance(value, list) and len(value) == len(trainable):
            for variable, kept in zip(trainable, value, strict=True):
                prefix = f"{variable.path.replace('/', '_')}_"
                if isinstance(kept, keras.Variable) and kept.name.startswith(prefix):
                    slot = kept.name.removeprefix(prefix)
                    found[f"{slot}/{names[id(variable)]}"] = kept
        elif isinstance(value, keras.Variable) and attribute not in {
            "_iterations",
            "_learning_rate",
        }:
            found[attribute.removeprefix("_")] = value
    return found


def without_decay(model: keras.Model) -> list[keras.Variable]:
    """Return the variables that `exclude_from_weight_decay` was told; the config lacks them."""
    optimizer = model.optimizer
    return [v for v in model.trainable_variables if not optimizer._use_weight_decay(v.value)]


def fresh_copy(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Return an optimizer with the same settings and none of the state.

    A constant learning rate comes back from its float32 variable as 0.0010000000474974513; here it
    becomes 0.001 again, as it was written.
    """
    try:
        config = optimizer.get_config()
        if isinstance(config.get("learning_rate"), float):
            import numpy as np

            config["learning_rate"] = float(str(np.float32(config["learning_rate"])))
        return type(optimizer).from_config(config)
    except Exception as error:
        raise LadderError(
            f"optimizer = {type(optimizer).__name__}: it cannot be made again from its get_config()"
            f" ({type(error).__name__}: {error}); accepted: an optimizer that can"
        ) from error
