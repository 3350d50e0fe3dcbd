"""The contestants by name, each loaded only when it is built."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from cnn_experiment import ConstantRate, Experiment, InverseTimeDecay, UserError
from cnn_experiment.runs.checkpoint import BackendName
from measurements.peers.turns import Contestant

VARIANTS = ("float32", "bfloat16")
"""Our own training step, by precision."""
CONTROL = "control"
"""A second process of our float32 step. It shows by how much two equal contestants differ."""

EPOCHS: Mapping[str, BackendName] = {"epoch": "torch", "keras-epoch": "keras"}
"""Contestants that train whole epochs, each by a backend's own `train`."""


class Peer(NamedTuple):
    """The module and function that build a peer, and the packages that it needs."""

    module: str
    function: str
    needs: tuple[str, ...]


PEERS = {
    "keras": Peer("keras_peers", "keras_on_tensorflow", ("keras", "tensorflow")),
    "dataloader": Peer("torch_peers", "dataloader", ("torch",)),
    "torchvision": Peer("torch_peers", "torchvision_loader", ("torch", "torchvision")),
    "lightning": Peer("torch_peers", "lightning", ("torch", "lightning")),
    "keras-jax": Peer("keras_peers", "keras_on_jax", ("keras", "jax")),
    "keras-torch": Peer("keras_peers", "keras_on_torch", ("keras", "torch")),
}


def must_be_peers(names: list[str]) -> None:
    """Raise `UserError` for a name that is unknown, repeated, or needs a missing package."""
    for name in names:
        if name not in PEERS or names.count(name) > 1:
            raise UserError(f"peers = {','.join(names)!r}: accepted: {', '.join(PEERS)}, each once")
        missing = [package for package in PEERS[name].needs if find_spec(package) is None]
        if missing:
            raise UserError(
                f"peers = {name!r}: {missing[0]} is not installed here; pip install"
                " '.[torch,keras,peers]'"
            )


def must_be_comparable(experiment: Experiment, name: str) -> None:
    """Raise `UserError` for a preset that the peers cannot train."""
    if (
        experiment.optimizer.kind != "rmsprop"
        or not isinstance(experiment.schedule, ConstantRate | InverseTimeDecay)
        or experiment.network.output.crossentropy_of != "logits"
    ):
        raise UserError(
            f"preset = {name!r}: accepted: presets with rmsprop, a constant or inverse-time rate,"
            " and the loss of logits, as article-3-addendum"
        )


def build(name: str, experiment: Experiment) -> Contestant:
    """Return the contestant of this name."""
    if name in (*VARIANTS, CONTROL):
        from measurements.peers.ours import ours

        precision = "bfloat16" if name == "bfloat16" else "full"
        return ours(experiment.with_changes(precision=precision))
    if name in EPOCHS:
        from measurements.peers.epochs import epochs

        return epochs(EPOCHS[name], experiment)
    peer = PEERS[name]
    module = import_module(f"measurements.peers.{peer.module}")
    contestant: Contestant = getattr(module, peer.function)(experiment)
    return contestant
