"""Known differences in the variables of recurrent layers, and in their training."""

from typing import Any

import keras
from torch import nn

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import ShapesPlace, UpdatePlace
from parity_ladder.known_differences.replaying import decayed
from parity_ladder.pairing.torch_units import named_tensors


@known(
    "two trained biases",
    rung="updated weights",
    area="layers",
    source="keras/src/layers/rnn/lstm.py; torch/nn/modules/rnn.py",
)
def two_trained_biases(place: UpdatePlace) -> Any:
    """The port's recurrent layer trains two biases that are added, so their sum moves twice as far.

    Keras' LSTM and SimpleRNN have one. Keep the second at zero: `nn.init.zeros_(lstm.bias_hh_l0)`
    and `lstm.bias_hh_l0.requires_grad_(False)`.
    """
    tensors = named_tensors(place.port.module)
    groups = place.ports_optimizer.param_groups
    held = {id(p) for group in groups for p in group["params"] if p.requires_grad}
    found = {}
    for each in place.pairs.variables:
        name, second = each.theirs.name, each.ours.also
        if second and name in place.gradients and id(tensors[second]) in held:
            start = decayed(place, name)
            found[name] = start + 2 * (place.theirs.state.weights[name] - start)
    return found or None


@known(
    "GRU that resets before the product",
    rung="parameter counts and shapes",
    area="layers",
    source="keras/src/layers/rnn/gru.py; torch/nn/modules/rnn.py",
)
def resets_before(place: ShapesPlace) -> bool:
    """The port has PyTorch's GRU, which resets the state after the product with the kernel.

    Keras' layer has `reset_after=False`: it resets before, and has one bias. No module of PyTorch
    does. Write the steps by hand with `nn.Parameter`s, or retrain Keras' with `reset_after=True`.
    """
    if not any(isinstance(module, nn.GRU | nn.GRUCell) for module in place.module.modules()):
        return False
    names = {id(variable): v for v, variable in _variables(place.model).items()}
    return any(
        isinstance(layer, keras.layers.GRU)
        and not layer.reset_after
        and place.array in {names.get(id(variable)) for variable in layer.weights}
        for layer in place.model._flatten_layers()
    )


def _variables(model: keras.Model) -> dict[str, Any]:
    from parity_ladder.keras_side.names import variable_names

    return variable_names(model)
