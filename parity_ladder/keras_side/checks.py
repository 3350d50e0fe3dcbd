"""What `KerasSide` accepts, checked before anything is computed."""

import keras

from parity_ladder.errors import LadderError


def must_be_climbable(model: object, dtype: str, dropout: str) -> None:
    """Raise `LadderError` for a model that cannot be the reference of a climb."""
    if keras.config.backend() != "tensorflow":
        raise LadderError(
            f"Keras runs on {keras.config.backend()}; accepted: tensorflow, the only backend of"
            " Keras that computes in float64 (KERAS_BACKEND=tensorflow)"
        )
    if not isinstance(model, keras.Model):
        raise LadderError(f"model is of type {type(model).__name__}; accepted: a keras.Model")
    if not model.compiled or model.optimizer is None:
        raise LadderError(
            f"model {model.name} is not compiled; accepted: a model after compile(), whose"
            " optimizer and loss are compared"
        )
    if not model.built or not model.variables:
        raise LadderError(
            f"model {model.name} has no variables yet; accepted: a built model, for example after"
            " it was called with one batch"
        )
    if type(model).train_step is not keras.Model.train_step:
        raise LadderError(
            f"model {model.name} has a train_step of its own; accepted: a model that trains by"
            " Keras' train_step, since the climb takes that step itself"
        )
    for name, value, accepted in (
        ("dtype", dtype, ("float64", "float32")),
        ("dropout", dropout, ("shared", "off")),
    ):
        if value not in accepted:
            raise LadderError(f"{name} = {value!r}: accepted: {' or '.join(accepted)}")
