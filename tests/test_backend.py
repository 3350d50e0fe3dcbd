"""Both backends offer what `Backend` says, and are loaded by their names."""

import inspect
from types import ModuleType

import keras
import numpy as np
import pytest

import keras_ref
import torch_cnn
from cnn_experiment import Checkpoint, UserError, initial_weights
from cnn_experiment.backend import Backend, load_backend, load_trained
from parity_tests.random_digits import random_digits
from parity_tests.small import small_experiment

OURS: Backend[torch_cnn.CNN] = torch_cnn  # mypy checks every type of the protocol here
THEIRS: Backend[keras.Model] = keras_ref
FUNCTIONS = [name for name in vars(Backend) if not name.startswith("_")]


def test_the_protocol_has_functions() -> None:
    assert {"build_model", "train", "evaluate", "predict", "prepare_process"} <= set(FUNCTIONS)


@pytest.mark.parametrize("package", [torch_cnn, keras_ref])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_backend_has_each_function_with_the_same_parameters(
    name: str, package: ModuleType
) -> None:
    function = getattr(package, name)
    assert name in package.__all__
    _, *wanted = inspect.signature(getattr(Backend, name)).parameters.values()
    found = inspect.signature(function).parameters.values()
    assert [(each.name, each.kind, each.default) for each in found] == [
        (each.name, each.kind, each.default) for each in wanted
    ]


@pytest.mark.parametrize(("name", "package"), [("torch", torch_cnn), ("keras", keras_ref)])
def test_a_trained_model_is_loaded_by_its_backends_name(name: str, package: ModuleType) -> None:
    assert load_backend(name) is package
    experiment = small_experiment(3)
    weights = initial_weights(experiment.network, 8, experiment.dtype)
    state = experiment.initial_optimizer_state()
    backend, model = load_trained(name, Checkpoint(experiment, weights, state))
    assert backend is package
    for variable, array in backend.neutral_weights(model).items():
        np.testing.assert_array_equal(array, weights[variable])


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(UserError, match="backend = 'jax': accepted: torch, keras"):
        load_backend("jax")


def test_keras_refuses_to_compile() -> None:
    experiment = small_experiment(3)
    with pytest.raises(UserError, match="compiled = True: accepted by the torch backend"):
        keras_ref.train(experiment, random_digits(experiment), compiled=True)
