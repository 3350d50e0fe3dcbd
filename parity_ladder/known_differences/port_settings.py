"""The settings of the port's optimizer, in the words of Keras."""

from collections.abc import Mapping
from typing import Any

from parity_ladder.known_differences.places import Place
from parity_ladder.torch_side.optimizer_names import couples_weight_decay


def port_setting(place: Place, name: str) -> Any:
    """Return a setting of the port's optimizer by Keras' name; None if it has no such setting.

    It is that of the first parameter group: `epsilon` may be called `eps` there, `rho` `alpha`.
    """
    group = place.ports_optimizer.param_groups[0]
    if name in group:
        return group[name]
    betas = group.get("betas")
    others = {
        "epsilon": group.get("eps"),
        "rho": group.get("alpha"),
        "beta_1": None if betas is None else betas[0],
        "beta_2": None if betas is None else betas[1],
    }
    return others.get(name)


def differing_setting(place: Place, name: str) -> Any:
    """Return a setting of the port that differs from Keras'; None if it does not differ."""
    theirs, ours = getattr(place.optimizer, name, None), port_setting(place, name)
    return None if ours is None or theirs is None or ours == theirs else ours


def decoupled_decays(place: Place) -> Mapping[str, float]:
    """Return the rate of the port's decoupled weight decay for each of Keras' variables."""
    optimizer, module = place.ports_optimizer, place.port.module
    coupled = couples_weight_decay(optimizer)
    by_parameter: dict[int, float] = {}
    for group in optimizer.param_groups:
        rate = group.get("decoupled_weight_decay" if coupled else "weight_decay") or 0.0
        by_parameter |= {id(parameter): float(rate) for parameter in group["params"]}

    from parity_ladder.pairing.torch_units import named_tensors

    tensors = named_tensors(module)
    return {
        each.theirs.name: by_parameter.get(id(tensors[each.ours.name]), 0.0)
        for each in place.pairs.variables
    }


def updated_variables(place: Place) -> set[str]:
    """Return Keras' names of the variables that are in the port's optimizer."""
    from parity_ladder.pairing.torch_units import named_tensors

    groups = place.ports_optimizer.param_groups
    held = {id(parameter) for group in groups for parameter in group["params"]}
    tensors = named_tensors(place.port.module)
    return {e.theirs.name for e in place.pairs.variables if id(tensors[e.ours.name]) in held}
