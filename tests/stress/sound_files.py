"""A sound (valid) file of each kind that we open; the Keras ones are written by Keras itself."""

import io
import subprocess
import sys
from pathlib import Path

import h5py

from cnn_experiment import (
    Checkpoint,
    Convolution,
    Data,
    EpochRecord,
    Experiment,
    Hidden,
    Nadam,
    Network,
    Tally,
    initial_weights,
    preset,
)
from cnn_experiment.data.mnist_files import FILES, data_root, read_mnist_files
from cnn_experiment.formats.weight_files import weights_as
from cnn_experiment.variables import Variables

BY_KERAS = """
import sys
import keras_ref
from cnn_experiment import Experiment
folder = sys.argv[1]
experiment = Experiment.from_json(open(folder + "/experiment.json", "rb").read())
model = keras_ref.build_model(experiment)
model.save(folder + "/model.keras")
model.save(folder + "/model.h5")
model.save_weights(folder + "/model.weights.h5")
import keras
features = images = keras.Input(experiment.network.input_shape)
for layer in model.layers:
    features = layer(features)
functional = keras.Model(images, features)
functional.compile("nadam", "categorical_crossentropy")
functional.save(folder + "/functional.h5")
"""


def experiment_of_the_files() -> Experiment:
    """Return an experiment with all kinds of layers.

    It is so small that random damage often hits more than the numbers of a large array.
    """
    network = Network(
        input_shape=(12, 10, 1),
        convolutions=(Convolution(filters=2), Convolution(filters=3)),
        pools=((2, 2),),
        hidden=(Hidden(units=4),),
    )
    return preset("article-3-addendum").with_changes(
        network=network,
        optimizer=Nadam(),
        epochs=3,
        data=Data(train_images=640, test_images=100),
    )


def sound_files(folder: Path) -> dict[str, bytes]:
    """Return the content of a sound file of each kind, by name; Keras writes into `folder`."""
    experiment = experiment_of_the_files()
    weights = initial_weights(experiment.network, 0, experiment.dtype)
    record = EpochRecord(
        epoch=1,
        step=10,
        learning_rate=1e-3,
        loss=2.0,
        accuracy=0.5,
        val_loss=2.1,
        val_accuracy=0.4,
        seconds=1.0,
    )
    checkpoint = Checkpoint(
        experiment,
        weights,
        experiment.initial_optimizer_state(),
        epoch=1,
        batch=3,
        tally=Tally(images=192, loss=300.0, hits=100),
        history=(record,),
    )
    (folder / "experiment.json").write_text(experiment.to_json())
    command = [sys.executable, "-c", BY_KERAS, str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    by_keras = (
        "experiment.json",
        "model.keras",
        "model.h5",
        "functional.h5",
        "model.weights.h5",
    )
    labels = FILES[3].name
    read_mnist_files()  # downloads what is missing
    return {
        "digit.png": drawn_digit("PNG"),
        "digit.jpg": drawn_digit("JPEG"),
        **{name: (folder / name).read_bytes() for name in by_keras},
        "keras2.h5": weights_of_keras_2(weights),
        "latest.safetensors": checkpoint.to_bytes(),
        "torch.safetensors": weights_as("torch", experiment, weights),
        labels: (data_root() / "MNIST" / "raw" / labels).read_bytes(),
    }


def weights_of_keras_2(weights: Variables) -> bytes:
    """Return what Keras 2's `save_weights('x.h5')` writes of a model with our layers' names."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        layers = dict.fromkeys(name.partition("/")[0] for name in weights)
        file.attrs["layer_names"] = [layer.encode() for layer in layers]
        for name, array in weights.items():
            file[f"{name.partition('/')[0]}/{name}:0"] = array
    return content.getvalue()


def drawn_digit(form: str) -> bytes:
    """Return a picture of a 0 in this format."""
    from PIL import Image, ImageDraw

    page = Image.new("RGB", (256, 256), "white")
    ImageDraw.Draw(page).ellipse((70, 30, 180, 220), outline="navy", width=24)
    file = io.BytesIO()
    page.save(file, form)
    return file.getvalue()
