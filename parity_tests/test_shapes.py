"""Both backends have the articles' parameter counts, layer shapes and weight conventions."""

import keras
import pytest

import keras_ref
import torch_cnn
from cnn_experiment import PRESETS, Digits, initial_weights, preset
from parity_ladder import assert_arrays_close
from parity_tests.conftest import small

PUBLISHED_PARAMETERS = {"article-2": 96_844, "article-6": 208_982, "mlp": 57_390}
NOT_PRINTED = {
    "article-3-first": 250_994,
    "article-3": 250_994,
    "article-3-addendum": 232_242,
}
"""The counts of the networks that the articles describe without a count."""
PARAMETERS = PUBLISHED_PARAMETERS | NOT_PRINTED

ARTICLE_6_SUMMARY = [
    ("conv2d_1", (26, 26, 32), 320),
    ("max_pool_1", (13, 13, 32), 0),
    ("conv2d_2", (11, 11, 64), 18_496),
    ("max_pool_2", (5, 5, 64), 0),
    ("conv2d_3", (3, 3, 128), 73_856),
    ("flatten", (1152,), 0),
    ("dense_1", (100,), 115_300),
    ("dense_2", (10,), 1_010),
]

each_preset = pytest.mark.parametrize("name", PRESETS)


def test_every_preset_has_a_count() -> None:
    assert PRESETS.keys() == PARAMETERS.keys()


@each_preset
def test_torch_has_the_articles_parameters(name: str) -> None:
    model = torch_cnn.build_model(preset(name))
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[name]


@each_preset
def test_keras_has_the_articles_parameters(name: str) -> None:
    assert keras_ref.build_model(preset(name)).count_params() == PARAMETERS[name]


def test_keras_reproduces_the_summary_of_article_6() -> None:
    model = keras_ref.build_model(preset("article-6"))
    rows = [(layer.name, layer.output.shape[1:], layer.count_params()) for layer in model.layers]
    assert rows == ARTICLE_6_SUMMARY


def test_torch_reproduces_the_summary_of_article_6(digits: Digits) -> None:
    model = torch_cnn.build_model(small("article-6"))
    outputs = torch_cnn.layer_outputs(model, digits.test_images_nhwc[:1])
    rows = [
        (name, output.shape[1:], sum(p.numel() for p in model.get_submodule(name).parameters()))
        for name, output in outputs.items()
    ]
    assert rows == ARTICLE_6_SUMMARY


def test_the_experiment_itself_tells_the_summary_of_article_6() -> None:
    layers = preset("article-6").network.layers()
    rows = [(layer.name, layer.output_shape, layer.parameters) for layer in layers]
    assert rows == ARTICLE_6_SUMMARY


@each_preset
def test_kernels_follow_each_framework_s_convention(name: str) -> None:
    keras_model = keras_ref.build_model(preset(name))
    torch_model = torch_cnn.build_model(preset(name))
    for layer in preset(name).network.layers():
        if layer.kind == "Conv2D":
            height, width, inputs, outputs = layer.kernel_shape
            torch_shape: tuple[int, ...] = (outputs, inputs, height, width)
        elif layer.kind == "Dense":
            inputs, outputs = layer.kernel_shape
            torch_shape = (outputs, inputs)
        else:
            continue
        assert keras_model.get_layer(layer.name).kernel.shape == layer.kernel_shape
        assert tuple(torch_model.get_parameter(f"{layer.name}.weight").shape) == torch_shape


@each_preset
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_go_round_through_both_frameworks_bit_for_bit(name: str, dtype: str) -> None:
    experiment = preset(name).with_changes(dtype=dtype)
    start = initial_weights(experiment.network, 7, dtype)
    torch_model = torch_cnn.build_model(experiment)
    keras_model = keras_ref.build_model(experiment)

    torch_cnn.load_neutral_weights(torch_model, start)
    keras_ref.load_neutral_weights(keras_model, torch_cnn.neutral_weights(torch_model))
    from_keras = keras_ref.neutral_weights(keras_model)
    assert_arrays_close(from_keras, start, 0.0)

    torch_model = torch_cnn.build_model(experiment)
    torch_cnn.load_neutral_weights(torch_model, from_keras)
    assert_arrays_close(torch_cnn.neutral_weights(torch_model), start, 0.0)


@each_preset
def test_the_same_seed_gives_both_backends_the_same_initial_weights(name: str) -> None:
    ours = torch_cnn.neutral_weights(torch_cnn.build_model(preset(name)))
    theirs = keras_ref.neutral_weights(keras_ref.build_model(preset(name)))
    assert_arrays_close(ours, theirs, 0.0)


def test_the_dtype_is_the_experiment_s_and_keras_defaults_stay_the_caller_s() -> None:
    before = keras.config.floatx(), keras.config.dtype_policy().name
    for dtype in ("float64", "float32", "float64"):
        model = keras_ref.build_model(preset("article-2").with_changes(dtype=dtype))
        assert {weight.dtype for weight in model.weights} == {dtype}
        assert {layer.compute_dtype for layer in model.layers} == {dtype}
        assert (keras.config.floatx(), keras.config.dtype_policy().name) == before
