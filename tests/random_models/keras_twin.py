"""The Keras model of a recipe."""

from typing import Any

import keras

from tests.random_models.recipes import Piece, Recipe

L = keras.layers
TOKENS = 9
CLASSES = 3


def keras_twin(recipe: Recipe) -> keras.Model:
    """Return the compiled model; a layer that does not fit the shape before it is left out."""
    shape: tuple[int, ...] = (recipe.length,) if recipe.tokens else (recipe.length, recipe.channels)
    if not recipe.sequence:
        shape = (recipe.length, recipe.length, recipe.channels)
    inputs = x = keras.Input(shape, dtype="int32" if recipe.tokens else None)
    if recipe.tokens:
        x = L.Embedding(TOKENS, recipe.channels + 1)(x)
    for piece in recipe.pieces:
        if (layer := layer_of(piece, recipe, x.shape)) is not None:
            x = layer(x)
    x = L.Flatten()(x)
    penalty = keras.regularizers.L2(0.01) if recipe.penalty else None
    outputs = L.Dense(CLASSES, kernel_regularizer=penalty)(x)
    model = keras.Model(inputs, outputs)
    model.compile(optimizer_of(recipe), loss_of(recipe))
    return model


def layer_of(piece: Piece, recipe: Recipe, shape: Any) -> keras.layers.Layer | None:
    """Return the layer of a piece; None if it does not fit inputs of this shape."""
    padding = "same" if piece.same else "valid"
    smallest = min(shape[1:-1])
    if not piece.same and piece.window > smallest and piece.kind not in {"transposed"}:
        return None
    common: dict[str, Any] = {"activation": piece.activation, "use_bias": piece.bias}
    window = {"kernel_size": piece.window, "strides": piece.stride, "padding": padding}
    if recipe.sequence:
        is_constant = piece.kind == "layer_norm" and shape[-1] == 1  # of one number, always 0
        heads_of_one = piece.kind == "attention" and piece.window == 1
        is_strange = heads_of_one and piece.size == shape[1]  # its biases go along the steps
        return None if is_constant or is_strange else _on_sequences(piece, common, window)
    match piece.kind:
        case "conv":
            return L.Conv2D(piece.size, **window, **common)
        case "transposed":
            return L.Conv2DTranspose(piece.size, **{**window, "padding": "valid"}, **common)
        case "depthwise":
            return L.DepthwiseConv2D(depth_multiplier=piece.size, **window, **common)
        case "separable":
            return L.SeparableConv2D(piece.size, **window, **common)
        case "max_pool":
            return L.MaxPooling2D(piece.window, piece.stride, padding)
        case "average_pool":
            return L.AveragePooling2D(piece.window, piece.stride, padding)
        case "batch_norm":
            return L.BatchNormalization()
        case "group_norm":
            return L.GroupNormalization(1)
        case "prelu":
            return L.PReLU(shared_axes=(1, 2), alpha_initializer="random_normal")
        case "dropout":
            return L.Dropout(piece.size / 10)
        case "upsampling":
            return L.UpSampling2D(2) if smallest < 8 else None
    return L.Activation(piece.activation)


def _on_sequences(
    piece: Piece, common: dict[str, Any], window: dict[str, Any]
) -> keras.layers.Layer:
    recurrent = {"units": piece.size, "return_sequences": True, "use_bias": piece.bias}
    match piece.kind:
        case "conv":
            return L.Conv1D(piece.size, **window, **common)
        case "lstm":
            return L.LSTM(**recurrent)
        case "gru":
            return L.GRU(**recurrent)
        case "rnn":
            return L.SimpleRNN(**recurrent)
        case "bidirectional":
            return L.Bidirectional(L.LSTM(**recurrent))
        case "layer_norm":
            return L.LayerNormalization()
        case "attention":
            return SelfAttention(piece.size, piece.window)
        case "dropout":
            return L.Dropout(piece.size / 10)
        case "batch_norm":
            return L.BatchNormalization()
    return L.Dense(piece.size, **common)


class SelfAttention(keras.layers.Layer):  # type: ignore[misc]
    """Attention of a sequence to itself, so that a layer has one input."""

    def __init__(self, heads: int, size: int) -> None:
        super().__init__()
        self.attention = L.MultiHeadAttention(heads, size)

    def build(self, shape: Any) -> None:
        """Build the attention for inputs of this shape."""
        self.attention.build(shape, shape)

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the shape of the outputs: that of the inputs."""
        return shape

    def call(self, inputs: Any) -> Any:
        """Return the attention's outputs, in the inputs' shape."""
        return self.attention(inputs, inputs)


def optimizer_of(recipe: Recipe) -> keras.optimizers.Optimizer:
    """Return the optimizer, with clipping."""
    o = keras.optimizers
    clipping = {recipe.clipping: 0.1} if recipe.clipping else {}
    match recipe.optimizer:
        case "momentum":
            return o.SGD(0.01, momentum=0.9, **clipping)
        case "nesterov":
            return o.SGD(0.01, momentum=0.9, nesterov=True, **clipping)
        case "adam":
            return o.Adam(0.01, **clipping)
        case "adamw":
            return o.AdamW(0.01, **clipping)
        case "rmsprop":
            return o.RMSprop(0.01, momentum=0.5, **clipping)
        case "adagrad":
            return o.Adagrad(0.01, **clipping)
    return o.SGD(0.01, **clipping)


def loss_of(recipe: Recipe) -> keras.losses.Loss:
    """Return the loss; those of classes take logits."""
    match recipe.loss:
        case "classes":
            return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        case "binary":
            return keras.losses.BinaryCrossentropy(from_logits=True)
        case "huber":
            return keras.losses.Huber(0.5)
        case "mean_absolute_error":
            return keras.losses.MeanAbsoluteError()
    return keras.losses.MeanSquaredError()
