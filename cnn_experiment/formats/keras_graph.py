"""The layers of a Functional Keras model, if it is the same network as a Sequential: a chain.

Keras 3 writes where a layer's input comes from as the history of a tensor, Keras 2 as a nested
list. Sources: `get_config` in keras/src/models/functional.py, and keras/engine/functional.py of
Keras 2.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from cnn_experiment.errors import UserError, shortened
from cnn_experiment.formats.keras_layer import KerasLayer


def must_be_a_chain(layers: Sequence[KerasLayer], config: dict[str, Any]) -> None:
    """Raise `UserError` unless each layer is called once, on the output of the one before it.

    `config` is the model's. Its input must be the first layer, and its output the last one.
    """
    if layers and layers[0].inbound_nodes:
        raise UserError(
            f"{layers[0].title} takes its input from another layer; accepted: from none, as the"
            " model's input"
        )
    for before, layer in pairwise(layers):
        wanted = [before.config.get("name"), 0, 0]
        found = _inputs(layer.inbound_nodes)
        if found != [wanted]:
            names = [each[0] if isinstance(each, list) and each else each for each in found]
            raise UserError(
                f"{layer.title} takes its input from {shortened(names)};"
                f" accepted: once, and from the layer before it, {shortened(wanted[0])} alone"
            )
    ends = (("input_layers", layers[:1]), ("output_layers", layers[-1:]))
    for key, layer_there in ends:
        wanted = [[layer.config.get("name"), 0, 0] for layer in layer_there]
        given = config.get(key)
        if given not in (wanted, *wanted):
            raise UserError(
                f"the model has {key} = {shortened(given)}; accepted: {shortened(wanted)}"
            )


def _inputs(nodes: Sequence[Any]) -> list[Any]:
    """Return layer, node and tensor of each input, over all calls of a layer.

    What is not of one of the two forms is returned as it is, and so differs from any layer.
    """
    found: list[Any] = []
    for node in nodes:
        match node:
            case {"args": [*arguments], "kwargs": dict() as others} if not _given(others):
                found += [_history(tensor) for each in arguments for tensor in _tensors(each)]
            case [*calls] if calls:
                found += [
                    call[:3] if isinstance(call, list) and call[3:] in ([], [{}]) else call
                    for call in calls
                ]
            case _:
                found.append(node)
    return found


def _tensors(argument: Any) -> list[Any]:
    """Return the tensors that an argument joins in a list, or the argument itself."""
    return argument if isinstance(argument, list) and len(argument) > 1 else [argument]


def _given(arguments: dict[str, Any]) -> bool:
    return any(value is not None for value in arguments.values())


def _history(argument: Any) -> Any:
    match argument:
        case {"class_name": "__keras_tensor__", "config": {"keras_history": history}}:
            return history
    return argument
