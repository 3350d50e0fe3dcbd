"""From a first difference to the place that the entries of the catalogue act on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import nn

from parity_ladder.known_differences.places import (
    ClippingPlace,
    GradientsPlace,
    LayerPlace,
    LossPlace,
    MetricsPlace,
    Place,
    RatePlace,
    ShapesPlace,
    StatisticsPlace,
    UpdatePlace,
)
from parity_ladder.layer_names import LOGITS
from parity_ladder.pairing.torch_units import module_of, named_modules
from parity_ladder.rungs import Forced
from parity_ladder.side import Arrays, Step

if TYPE_CHECKING:
    from parity_ladder.keras_side import KerasSide
    from parity_ladder.keras_side.watching import LayerCall
    from parity_ladder.torch_side import TorchSide


def place_of(
    rung: str,
    array: str,
    port: "TorchSide",
    reference: "KerasSide",
    forced: Forced[Any],
    ours: Arrays,
    steps_per_epoch: int,
) -> Place | ShapesPlace | None:
    """Return the place of a difference in one step; None for a rung with no entries.

    `ours` is what the port shows on the rung in this step.
    """
    state, batch, theirs = forced.state, forced.batch, forced.step
    common = (reference, port, state, batch, theirs, array)
    if rung == "parameter counts and shapes":
        return ShapesPlace(port.pairs, reference.model, port.module, array)
    if rung == "layer outputs":
        calls = reference.layer_calls(state, batch)
        call = _call_of(array, calls)
        output = call.named_outputs()[array]
        inputs = tuple(call.inputs)
        return LayerPlace(
            *common, call.layer, inputs, output, ours[array], _module(array, port), calls
        )
    if rung == "statistics":
        layer = array.rpartition("/")[0]
        calls = reference.layer_calls(state, batch)
        call = _call_of(layer, calls)
        return StatisticsPlace(
            *common,
            call.layer,
            tuple(call.inputs),
            theirs.state.weights[array],
            ours[array],
            _module(layer, port),
            calls,
            before=state.weights[array],
        )
    if rung in {"data loss", "penalty", "loss"}:
        shown = reference.layer_outputs(state, batch)
        logits = [output for name, output in shown.items() if name.endswith(LOGITS)]
        predictions = theirs.returned[1]
        return LossPlace(*common, predictions, logits[-1] if logits else None, ours)
    if rung == "gradients":
        return GradientsPlace(*common, ours)
    if rung == "clipped gradients":
        return ClippingPlace(*common, ours)
    if rung == "learning rate":
        return RatePlace(*common, steps_per_epoch)
    if rung in {"optimizer state", "updated weights", "initial optimizer state"}:
        # They agree, but Keras' rate may be rounded to float32, which outweighs a small epsilon.
        rate = theirs.learning_rate if port.latest_rate is None else port.latest_rate
        return UpdatePlace(*common, theirs.clipped_gradients or {}, rate or 0.0)
    return None


def metrics_place(
    array: str, reference: "KerasSide", steps: Sequence[Step], ours: Arrays
) -> MetricsPlace:
    """Return the place of a metric that differs."""
    theirs = reference.epoch_metrics(steps)
    mine = {name: float(value) for name, value in ours.items()}
    return MetricsPlace(reference, tuple(steps), theirs, mine, array)


def _call_of(array: str, calls: "Sequence[LayerCall]") -> "LayerCall":
    """Return the call of the layer that an output or a variable belongs to.

    A variable may belong to a part of it that is not called by itself, such as an LSTM's cell.
    """
    name = array.removesuffix(LOGITS).partition("[")[0]
    by_name = {call.name: call for call in reversed(calls)}
    while name not in by_name and "/" in name:
        name = name.rpartition("/")[0]
    return by_name[name]


def _module(array: str, port: "TorchSide") -> nn.Module | None:
    """Return the module that a Keras layer is paired with."""
    name = array.removesuffix(LOGITS).partition("[")[0].partition("#")[0]
    modules = dict(named_modules(port.module))
    for match in port.pairs.matches:
        if match.theirs.name == name or match.theirs.name.startswith(f"{name}/"):
            return modules.get(match.ours.name) or modules.get(module_of(match.ours))
    return None
