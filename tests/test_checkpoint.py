"""A checkpoint that is not one's own work: what is said of it, and that nothing else happens."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from cnn_experiment import (
    Checkpoint,
    Nadam,
    Tally,
    UserError,
    initial_weights,
    preset,
    read_checkpoint,
)

EXPERIMENT = preset("article-3-addendum").with_changes(optimizer=Nadam())
STATE = Checkpoint(
    EXPERIMENT,
    initial_weights(EXPERIMENT.network, 0, "float32"),
    EXPERIMENT.initial_optimizer_state(),
    batch=2,
    tally=Tally(images=128, loss=99.0, hits=64),
    backend="torch",
)


def test_a_checkpoint_reads_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(STATE.to_bytes())
    again = read_checkpoint(path)
    assert again.to_bytes() == STATE.to_bytes()
    assert (again.experiment, again.tally, again.backend) == (EXPERIMENT, STATE.tally, "torch")


def test_the_header_has_the_fields_of_format_1() -> None:
    content = STATE.to_bytes()
    metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    header = json.loads(metadata["twin_cnn"])
    assert header.keys() == {
        "format",
        "backend",
        "experiment",
        "iteration",
        "epoch",
        "batch",
        "tally",
        "history",
        "ranks",
        "versions",
    }
    assert (header["format"], header["iteration"], header["batch"]) == (1, 2, 2)
    assert header["versions"]["numpy"] == np.__version__


@pytest.mark.parametrize(
    "field",
    ["backend", "experiment", "iteration", "epoch", "batch", "tally", "history", "versions"],
)
def test_a_header_that_lacks_a_field_is_refused(field: str, tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(with_header(lambda header: header.pop(field)))
    with pytest.raises(UserError, match=f": {field}: field required"):
        read_checkpoint(path)


def test_a_file_from_before_there_were_ranks_is_of_one(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(with_header(lambda header: header.update(ranks=3)))
    assert read_checkpoint(path).ranks == 3
    path.write_bytes(with_header(lambda header: header.pop("ranks")))
    assert read_checkpoint(path).ranks == 1


def with_header(change: Callable[[dict[str, Any]], object]) -> bytes:
    """The file with another header; the change is made in place."""
    content = STATE.to_bytes()
    metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    header = json.loads(metadata["twin_cnn"])
    change(header)
    return save(load(content), {"twin_cnn": json.dumps(header)})


def with_arrays(**changes: Any) -> bytes:
    content = STATE.to_bytes()
    metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    return save(load(content) | {k.replace("__", "/"): v for k, v in changes.items()}, metadata)


def set_to(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(header: dict[str, Any]) -> None:
        for step in path[:-1]:
            header = header[step]
        header[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it is not a safetensors file, or it is cut off"),
        (b"\xff" * 8 + b"{}", "it is not a safetensors file, or it is cut off"),
        (STATE.to_bytes()[:-1], "it is not a safetensors file, or it is damaged"),
        (save({"a": np.zeros(3)}), "it is not a checkpoint of Twin CNN; accepted: a file that"),
        (with_header(set_to("format", value=2)), "format = 2: input should be 1"),
        (with_header(set_to("epoch", value=-1)), "epoch = -1: input should be greater than or"),
        (with_header(set_to("batch", value=3)), "iteration = 2: accepted: 3"),
        (with_header(set_to("tally", "images", value=64)), "tally.images = 64: accepted: 128"),
        (with_header(set_to("tally", "hits", value=129)), "tally.hits = 129: accepted: 128"),
        (with_header(set_to("epoch", value=81)), "iteration = 2: accepted: 75980"),
        (with_header(set_to("backend", value="mxnet")), "backend = 'mxnet': "),
        (
            with_header(set_to("experiment", "optimizer", "kind", value="sgd")),
            "experiment.optimizer.kind = 'sgd': accepted: rmsprop, nadam, adamax",
        ),
        (with_arrays(extra=np.zeros(3, "float32")), "extra is float32 (3,); accepted: not there"),
        (
            with_arrays(weights__dense_2__bias=np.zeros(10, "float64")),
            "weights/dense_2/bias is float64 (10,); accepted: float32 (10,)",
        ),
        (
            with_arrays(weights__dense_2__bias=np.full(10, np.inf, "float32")),
            "weights/dense_2/bias holds a number that is not finite",
        ),
        (
            with_arrays(optimizer__velocity__dense_2__bias=np.full(10, -1, "float32")),
            "optimizer/velocity/dense_2/bias is below 0; accepted: 0 or more",
        ),
        (
            with_arrays(optimizer__u_product=np.array(2, "float32")),
            "optimizer/u_product = 2.0: accepted: above 0 and at most 1",
        ),
    ],
)
def test_what_is_no_state_is_refused_in_one_sentence(
    content: bytes, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "state"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_checkpoint(path)
    assert str(error.value).startswith(f"{path}: ")
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "nothing"):
        with pytest.raises(UserError, match="it is not a file; accepted: a safetensors file"):
            read_checkpoint(tmp_path / name)


def test_a_network_that_the_file_is_too_small_for_is_not_made(tmp_path: Path) -> None:
    """Its shapes are claimed by the header alone, and would take 200 MB."""
    hidden = EXPERIMENT.network.hidden[0].with_changes(units=40_000)
    network = EXPERIMENT.network.with_changes(hidden=(hidden,))
    large = EXPERIMENT.with_changes(network=network)
    path = tmp_path / "state"
    path.write_bytes(with_header(set_to("experiment", value=large.model_dump(mode="json"))))
    with pytest.raises(UserError, match="too few for the 46"):
        read_checkpoint(path)
