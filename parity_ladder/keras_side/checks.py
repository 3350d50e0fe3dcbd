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
    if isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
        raise LadderError(
            f"model {model.name} has a LossScaleOptimizer; accepted: the optimizer within it, since"
            " the climb computes in float64 or float32, where no loss is to be scaled"
        )
    if count := model.optimizer.gradient_accumulation_steps:
        raise LadderError(
            f"the optimizer has gradient_accumulation_steps = {count}; accepted: none, so that each"
            " batch makes an update"
        )
    for layer in model._flatten_layers():
        if layer.compute_dtype != layer.variable_dtype:
            raise LadderError(
                f"layer {layer.name} computes in {layer.compute_dtype} on variables in"
                f" {layer.variable_dtype}; accepted: a model in one dtype, without a mixed policy"
            )
    for name, value, accepted in (
        ("dtype", dtype, ("float64", "float32")),
        ("dropout", dropout, ("shared", "off")),
    ):
        if value not in accepted:
            raise LadderError(f"{name} = {value!r}: accepted: {' or '.join(accepted)}")
