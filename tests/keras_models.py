"""Article II's network as Keras builds and saves it, for the tests of model files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
from keras import layers

ENDINGS = ("h5", "keras")


def cnn(*, functional: bool = False, **dense: Any) -> keras.Model:
    """Return the network; `dense` are settings of both dense layers."""
    parts = [
        layers.Conv2D(32, (3, 3), activation="relu"),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.Flatten(),
        layers.Dense(70, activation="relu", **dense),
        layers.Dense(10, activation="softmax", **dense),
    ]
    images = keras.Input((28, 28, 1))
    if not functional:
        return keras.Sequential([images, *parts])
    features = images
    for part in parts:
        features = part(features)
    return keras.Model(images, features)


def saved(model: keras.Model, folder: Path, ending: str = "keras") -> Path:
    """Save the whole model, and return the path."""
    path = folder / f"cnn.{ending}"
    model.save(path)
    return path


def change_json(path: Path, attribute: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the JSON in an attribute of an HDF5 file in place."""
    with h5py.File(path, "r+") as file:
        content = json.loads(file.attrs[attribute])
        change(content)
        file.attrs[attribute] = json.dumps(content)
