"""Keras in float64 without its float32 roundings: what the roundings of its constants amount to.

Within a float64 model, TensorFlow still rounds some constants to float32: those of a schedule, the
strength of a penalty, Adam's betas, the square root of 2 in gelu. It also resizes images in
float32. A port with the unrounded constants is not wrong. So the reference's *rounding twin*
computes with them, and its distance from the reference is what a port is allowed.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Literal
from unittest.mock import patch

import keras
import numpy as np
import tensorflow as tf
from keras.src import backend
from keras.src.optimizers.schedules.learning_rate_schedule import LearningRateSchedule

from parity_ladder.tolerances import ALWAYS_ALLOWED_ULPS, USUAL

Array = np.ndarray[Any, Any]
Rounding = Literal["nothing", "optimizer", "settings"]
"""What is still rounded to float32: nothing, the constants of optimizer and schedule, or these and
the settings of layers and penalties, so that operations alone compute with unrounded constants."""


@contextmanager
def exact_constants(model: keras.Model, rounding: Rounding) -> Iterator[None]:
    """Compute meanwhile with unrounded constants; what was compiled before keeps the old ones."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(backend.nn, "gelu", _gelu))
        stack.enter_context(patch.object(backend.nn, "leaky_relu", _leaky_relu))
        stack.enter_context(patch.object(backend.nn, "hard_sigmoid", _hard_sigmoid))
        stack.enter_context(patch.object(backend.image, "resize", _resize(backend.image.resize)))
        for owner in _owners(model, rounding):
            for name, value in list(vars(owner).items()):
                if type(value) is float:
                    stack.enter_context(_changed(owner, name, np.float64(value)))
                elif isinstance(value, tf.Tensor) and value.dtype == tf.float32:
                    stack.enter_context(_changed(owner, name, tf.constant(_as_written(value))))
                elif isinstance(value, list | tuple) and {type(each) for each in value} == {float}:
                    exact = [np.float64(each) for each in value]
                    stack.enter_context(_changed(owner, name, exact))
        yield


def with_noise(gradients: Sequence[Any]) -> list[Any]:
    """Return gradients with a few ulps of their usual magnitude as noise, as rounding makes it.

    A gradient that is zero in theory is nothing else, and Adam makes updates of it.
    """
    dense = [each.values if isinstance(each, tf.IndexedSlices) else each for each in gradients]
    shown = [each for each in dense if each is not None]
    if not shown:
        return list(gradients)
    magnitudes = tf.sort([tf.reduce_max(tf.abs(each)) for each in shown if each.shape != (0,)])
    usual = magnitudes[int(USUAL * (len(shown) - 1))]
    size = usual * ALWAYS_ALLOWED_ULPS * np.finfo(usual.dtype.as_numpy_dtype).eps

    def noisy(place: int, gradient: Any) -> Any:
        if gradient is None:
            return None
        is_sparse = isinstance(gradient, tf.IndexedSlices)
        values = gradient.values if is_sparse else gradient
        shape = tf.shape(values)
        noise = tf.random.stateless_uniform(shape, (place, 0), -1, 1, dtype=values.dtype)
        values = values + size * noise
        if is_sparse:
            return tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
        return values

    return [noisy(place, gradient) for place, gradient in enumerate(gradients)]


def _as_written(value: tf.Tensor) -> Array:
    """Return a constant in float64; a number as it was written, 0.1 and not 0.10000000149.

    An array, such as the mean of a Normalization, was computed, not written.
    """
    array = np.asarray(value)
    return np.asarray(float(str(array)) if array.ndim == 0 else array, np.float64)


@contextmanager
def _changed(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    object.__setattr__(owner, name, value)
    try:
        yield
    finally:
        object.__setattr__(owner, name, before)


def _owners(model: keras.Model, rounding: Rounding) -> list[Any]:
    """Return the objects whose settings Keras rounds: optimizer, schedule, penalties, layers."""
    if rounding == "settings":
        return []
    optimizer = model.optimizer
    owners: list[Any] = list(model._flatten_layers(include_self=False))
    owners += [e.activity_regularizer for e in owners if e.activity_regularizer is not None]
    if rounding == "nothing":
        owners.append(optimizer)
        if isinstance(optimizer._learning_rate, LearningRateSchedule):
            owners.append(optimizer._learning_rate)
    for variable in model.variables:
        if variable.regularizer is not None:
            owners.append(variable.regularizer)
    return list({id(owner): owner for owner in owners}.values())


def _gelu(x: Any, approximate: bool = True) -> Any:
    x = tf.convert_to_tensor(x)
    number = x.dtype.as_numpy_dtype
    if approximate:
        inner = number(np.sqrt(2 / np.pi)) * (x + number(0.044715) * x * x * x)
        return number(0.5) * x * (1 + tf.tanh(inner))
    return number(0.5) * x * (1 + tf.math.erf(x / number(np.sqrt(2))))


def _leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    x = tf.convert_to_tensor(x)
    return tf.where(x > 0, x, x * x.dtype.as_numpy_dtype(negative_slope))


def _hard_sigmoid(x: Any) -> Any:
    """Return the hard sigmoid with PyTorch's gradient, which rounds 1 / 6 to float32."""
    x = tf.convert_to_tensor(x)
    number = x.dtype.as_numpy_dtype

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def computed(x: Any) -> Any:
        inside = tf.cast((x > -3) & (x < 3), x.dtype)
        slope = inside * number(np.float32(1) / np.float32(6))
        return tf.nn.relu6(x + number(3)) / number(6), lambda upstream: upstream * slope

    return computed(x)


def _resize(original: Any) -> Any:
    """Return Keras' resize, which interpolates in the images' dtype.

    For bicubic interpolation, TensorFlow also rounds the places of pixels to 1 / 1024.
    """

    def resize(images: Any, size: Any, interpolation: str = "bilinear", **settings: Any) -> Any:
        plain = not any(
            settings.get(name)
            for name in ("antialias", "crop_to_aspect_ratio", "pad_to_aspect_ratio")
        )
        data_format = settings.get("data_format") or keras.config.image_data_format()
        if interpolation not in _WEIGHTS or not plain or data_format != "channels_last":
            return original(images, size, interpolation, **settings)
        images = tf.convert_to_tensor(images)
        rows, columns = (
            tf.constant(_WEIGHTS[interpolation](int(images.shape[axis - 3]), int(n)), images.dtype)
            for axis, n in enumerate(size)
        )
        return tf.einsum("ph,...hwc,qw->...pqc", rows, images, columns)

    return resize


def _bilinear(old: int, new: int) -> np.ndarray[Any, Any]:
    """Return the weights of `old` pixels in each of `new` ones; centres at half pixels."""
    place = (np.arange(new) + 0.5) * old / new - 0.5
    low = np.floor(place).astype(int)
    share = place - low
    weights = np.zeros((new, old))
    for pixel in range(new):
        weights[pixel, np.clip(low[pixel], 0, old - 1)] += 1 - share[pixel]
        weights[pixel, np.clip(low[pixel] + 1, 0, old - 1)] += share[pixel]
    return weights


def _bicubic(old: int, new: int) -> np.ndarray[Any, Any]:
    """Return the weights of `old` pixels in each of `new` ones; pixels outside have none."""
    place = (np.arange(new)[:, None] + 0.5) * old / new - 0.5
    away = np.abs(place - np.arange(old))
    near = 1.5 * away**3 - 2.5 * away**2 + 1
    far = -0.5 * away**3 + 2.5 * away**2 - 4 * away + 2
    weights = np.where(away <= 1, near, np.where(away < 2, far, 0.0))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


_WEIGHTS = {"bilinear": _bilinear, "bicubic": _bicubic}
