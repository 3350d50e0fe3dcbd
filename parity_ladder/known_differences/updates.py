"""Known differences in what surrounds an optimizer's equation."""

from typing import Any

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import UpdatePlace
from parity_ladder.known_differences.port_settings import updated_variables
from parity_ladder.known_differences.replaying import updated, weights_of


@known(
    "constraint left out",
    rung="updated weights",
    area="optimizers",
    source="keras/src/optimizers/base_optimizer.py, keras/src/constraints/constraints.py",
)
def constraint_left_out(place: UpdatePlace) -> Any:
    """The port does not apply the constraint of a variable, such as `MaxNorm`, after the update.

    Keras applies it after every update. PyTorch has none: after `optimizer.step()`, change the
    parameter under `torch.no_grad()`, for example by `parameter.clamp_(min=0)` for `NonNeg`.
    """
    if all(place.reference.variables[name].constraint is None for name in place.gradients):
        return None
    return weights_of(place, updated(place, constrained=False))


@known(
    "parameters missing in the optimizer",
    rung="updated weights",
    area="optimizers",
    source="torch/optim/optimizer.py; keras/src/optimizers/base_optimizer.py",
)
def parameters_missing(place: UpdatePlace) -> Any:
    """The port's optimizer was not given all parameters that Keras trains, so some never change.

    Pass `module.parameters()`, after all layers are made; layers in a plain list are not among
    these, those in an `nn.ModuleList` are.
    """
    missing = set(place.gradients) - updated_variables(place)
    if not missing:
        return None
    still = {name: place.state.weights[name] for name in missing}
    kept = {
        name: array * 0  # the ladder shows zeros for what the optimizer does not keep
        for name, array in place.theirs.state.optimizer.items()
        if name.partition("/")[2] in missing
    }
    return still | kept
