"""Weights that Keras 2 saved by `save_weights('x.h5')` are read in the order of its layers."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cnn_experiment import UserError, initial_weights, preset, read_weights
from cnn_experiment.formats.hdf5_process import read_hdf5
from tests.running_scripts import run_script

EXPERIMENT = preset("article-2")
WEIGHTS = initial_weights(EXPERIMENT.network, 3, "float32")
NAMES = ("z", "pool", "y", "x", "b", "a")
"""In an order that is not the alphabet's, in which HDF5 lists the groups; `pool` has no weights."""


def weights_of_keras_2(path: Path, **attributes: Any) -> None:
    variables = list(WEIGHTS)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in NAMES]
        file.attrs["backend"], file.attrs["keras_version"] = b"tensorflow", b"2.3.1"
        file.create_group("pool")
        for place, name in enumerate(name for name in NAMES if name != "pool"):
            for variable in variables[2 * place : 2 * place + 2]:
                kind = variable.rpartition("/")[2]
                file[f"{name}/{name}/{kind}:0"] = WEIGHTS[variable]
        file.attrs.update(attributes)


def test_they_come_through_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    weights_of_keras_2(path)
    experiment, found = read_weights(path, EXPERIMENT)
    assert experiment == EXPERIMENT
    assert found.keys() == WEIGHTS.keys()
    for name, array in WEIGHTS.items():
        np.testing.assert_array_equal(found[name], array)
    run = run_script("convert", path, tmp_path / "new.weights.h5", "--preset", "article-2")
    assert run.stdout.splitlines() == [
        f"wrote {tmp_path / 'new.weights.h5'}: keras, 96,844 parameters in float32"
    ]


def test_they_need_an_experiment_of_their_network(tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    weights_of_keras_2(path)
    with pytest.raises(UserError, match="only weights; accepted: together with an experiment"):
        read_weights(path)
    with pytest.raises(UserError, match=r"it has 5 layers with weights, .*; accepted: 3"):
        read_weights(path, preset("mlp"))
    with pytest.raises(UserError, match=r" is float32 \(.*\); accepted: float32 \("):
        read_weights(path, preset("article-3"))


@pytest.mark.parametrize(
    ("layer_names", "said"),
    [
        ([b"z", b"z"], "layer_names: accepted: texts, each once"),
        ([b"z", b""], "layer_names: accepted: texts, each once"),
        ([1, 2], "layer_names: accepted: texts, each once"),
        ([b"z", b"y"], "it has 2 layers with weights, .*; accepted: 5"),
        ([b"/", b"."], "it holds neither a model_config nor layers; accepted: what Keras"),
        ([b"\xff"], "it holds neither a model_config nor layers; accepted: what Keras"),
        (7, r"layer_names has shape \(\); accepted: a list of names"),
        (h5py.Empty("S1"), "layer_names has shape None; accepted: a list of names"),
    ],
)
def test_wrong_names_of_layers_are_refused(layer_names: Any, said: str, tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    weights_of_keras_2(path, layer_names=layer_names)
    with pytest.raises(UserError, match=said) as caught:
        read_weights(path, EXPERIMENT)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["kernel:0", "gamma:0"])
def test_another_layer_with_weights_is_named(name: str, tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    weights_of_keras_2(path)
    with h5py.File(path, "r+") as file:
        file[f"z/more/{name}"] = np.zeros(3, "float32")
    with pytest.raises(
        UserError, match=r"layer 'z' has 2 arrays|'layer_weights/z/more/gamma:0' is"
    ):
        read_weights(path, EXPERIMENT)


@pytest.mark.parametrize("name", ["out", "out/z"])
def test_a_name_leads_into_no_other_file(name: str, tmp_path: Path) -> None:
    path, other = tmp_path / "old.h5", tmp_path / "other.h5"
    weights_of_keras_2(other)
    weights_of_keras_2(path, layer_names=[name.encode(), *(n.encode() for n in NAMES[1:])])
    with h5py.File(path, "r+") as file:
        file["out"] = h5py.ExternalLink(other, "/")
    if name == "out":
        with pytest.raises(UserError, match="layer_weights/out is a link; accepted: groups and"):
            read_hdf5(path)
    else:
        assert not [array for array in read_hdf5(path)[1] if "out" in array]


def test_the_mirrored_kernels_of_theano_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    weights_of_keras_2(path, backend=b"theano")
    with pytest.raises(UserError, match="backend = 'theano'; accepted: tensorflow, jax, torch"):
        read_weights(path, EXPERIMENT)
