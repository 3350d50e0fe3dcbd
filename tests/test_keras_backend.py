"""The Keras backend on its own: its start, its layers' outputs, and what it refuses."""

import os
import subprocess
import sys
from pathlib import Path

import keras_ref  # before keras, since it chooses the backend

# isort: split
import keras
import numpy as np
import pytest
from tensorflow.config import threading

from cnn_experiment import Nadam, UserError, preset
from keras_ref.start_notes import notes_dropped

ROOT = Path(__file__).parents[1]
EXPERIMENT = preset("article-2")

TRAINING = """
import sys
import keras_ref
from parity_tests.random_digits import random_digits
from parity_tests.small import small_experiment
print("ours", file=sys.stderr)
experiment = small_experiment(3).with_changes(epochs=1)
keras_ref.prepare_process()
keras_ref.train(experiment, random_digits(experiment))
"""


def test_a_training_writes_nothing_to_stderr_but_our_own_lines() -> None:
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    run = subprocess.run(
        [sys.executable, "-c", TRAINING],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=environment,
    )
    assert run.stderr == "ours\n"


NOTES = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "I0000 00:00:1795647012.875239   10665 port.cc:153] oneDNN custom operations are on.\n"
    "W0000 00:00:1795647012.875239   10665 gpu.cc:1] a warning\n"
    "2025-09-17 14:44:05.157831: I external/cudart_stub.cc:32] Could not find cuda drivers\n"
    "E0000 00:00:1795647014.347784   10665 cuda_platform.cc:52] failed call to cuInit: UNKNOWN\n"
)
ERRORS = (
    "E0000 00:00:1795647014.347784   10665 dso_loader.cc:1] cannot load a library\n"
    "2025-09-17 14:44:05.157831: E external/cuda_fft.cc:467] Unable to register\n"
    "a traceback of ours, which names I0000 and W0000\n"
)


def write(text: str) -> None:
    os.write(2, text.encode())


def test_notes_of_the_start_are_dropped_and_errors_are_not(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    with notes_dropped():
        write(NOTES + ERRORS)
    write("afterwards\n")
    assert capfd.readouterr().err == ERRORS + "afterwards\n"


def test_errors_come_through_where_the_start_fails(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with notes_dropped():
            write(NOTES + ERRORS)
            raise ImportError

    with pytest.raises(ImportError):
        fail()
    assert capfd.readouterr().err == ERRORS


def test_who_asks_tensorflow_for_its_notes_gets_them(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    with notes_dropped():
        write(NOTES)
    assert capfd.readouterr().err == NOTES


def test_the_outputs_model_gives_what_every_layer_gives() -> None:
    model = keras_ref.build_model(EXPERIMENT.with_changes(dtype="float64"))
    images = np.random.RandomState(0).standard_normal((3, 28, 28, 1))
    outputs = keras_ref.layer_outputs(model, images)
    assert list(outputs) == [layer.name for layer in EXPERIMENT.network.layers()]
    assert len(keras_ref.outputs_model(model).outputs) == len(outputs)
    features = images
    for layer in model.layers:
        features = keras.ops.convert_to_numpy(layer(features))
        np.testing.assert_allclose(outputs[layer.name], features, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(outputs["dense_2"], keras_ref.predict(model, images))


def with_optimizer(optimizer: keras.optimizers.Optimizer) -> keras.Model:
    model = keras_ref.build_model(EXPERIMENT)
    model.compile(optimizer=optimizer)
    optimizer.build(model.trainable_variables)
    return model


def test_nadam_s_product_is_known_by_the_place_that_keras_keeps_it_at() -> None:
    experiment = EXPERIMENT.with_changes(optimizer=Nadam())
    model = keras_ref.build_model(experiment)
    state = keras_ref.neutral_optimizer_state(model)
    assert state.keys() == experiment.initial_optimizer_state().keys()
    assert state["u_product"] == 1
    model.optimizer._u_product.assign(0.25)
    assert keras_ref.neutral_optimizer_state(model)["u_product"] == 0.25


def test_an_unknown_variable_of_an_optimizer_is_named() -> None:
    with pytest.raises(UserError, match=r"optimizer variable .*velocity_hat.*: accepted: iter"):
        keras_ref.neutral_optimizer_state(with_optimizer(keras.optimizers.Adam(amsgrad=True)))
    nadam = keras.optimizers.Nadam()
    model = with_optimizer(nadam)
    nadam.add_variable((), name="temperature")
    with pytest.raises(UserError, match=r"optimizer variable nadam.*/temperature: accepted: iter"):
        keras_ref.load_neutral_optimizer_state(model, {}, 0)


def test_it_is_too_late_for_other_threads_once_tensorflow_has_begun() -> None:
    keras_ref.pick_device()
    others = 1 + threading.get_intra_op_parallelism_threads()
    with pytest.raises(UserError, match=f"threads = {others}: TensorFlow has already begun"):
        keras_ref.set_threads(others)
