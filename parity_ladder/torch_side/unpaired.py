"""What has no counterpart on the other side, and may still be left out of a comparison."""

from collections.abc import Collection, Sequence

import numpy as np
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from parity_ladder.errors import LadderError
from parity_ladder.pairing import Pairs
from parity_ladder.pairing.torch_units import named_modules, named_tensors
from parity_ladder.side import Arrays


def adapted(pairs: Pairs) -> dict[str, str]:
    """Return the Keras variables that never change, and that the port has no tensor for."""
    reason = "adapt() has set it, training never changes it, and the port has no such tensor"
    return {name: reason for name in pairs.adapted if name in pairs.unpaired_theirs}


def constants(pairs: Pairs) -> dict[str, str]:
    """Return the tensors that have no counterpart and that training does not change.

    These are buffers, and frozen parameters of a module that is paired, such as the scale of a
    BatchNorm that has none in Keras. A module that is left over as a whole is not among them.
    """
    tensors = named_tensors(pairs.module)
    paired = {each.ours.name.rpartition(".")[0] for each in pairs.variables}
    found = {}
    for name in pairs.unpaired_ours:
        is_parameter = isinstance(tensors[name], nn.Parameter)
        belongs = name.rpartition(".")[0] in paired
        if not is_parameter or (belongs and not tensors[name].requires_grad):
            found[name] = "it has no counterpart in Keras, and does not train"
    return found


def must_stay(names: Collection[str], before: Arrays, after: Arrays) -> None:
    """Raise `LadderError` if a step changed a tensor without a counterpart, but for counts.

    The climb puts it back before each step, so its effect on later steps would not be seen. The
    count of batches in a BatchNorm has none.
    """
    for name in names:
        is_count = name.endswith("num_batches_tracked")
        if not is_count and not np.array_equal(before[name], after[name], equal_nan=True):
            raise LadderError(
                f"the port's step changes {name}, which has no counterpart in Keras, so it cannot"
                " be compared; accepted: pairs['name of the variable'] = the tensor, or a step"
                " that leaves it as it is"
            )


def notes_on(pairs: Pairs) -> tuple[str, ...]:
    """Return what has no counterpart in the port, and what was paired by activations."""
    exchanged = [f"{each.theirs.name} with {each.ours.name}" for each in pairs.by_activations]
    notes = [f"paired by activations: {', '.join(exchanged)}"] if exchanged else []
    alone = [name for name in pairs.unpaired_theirs if name not in pairs.adapted]
    notes += [f"not paired, Keras: {name}: {pairs.why_unpaired(name)}" for name in alone]
    return tuple(notes)


def note_on_evaluation(module: nn.Module, rates: Sequence[float]) -> str:
    """Return that only training was compared.

    `rates` are those of the dropouts in a training step.
    """
    has_norm = any(isinstance(each, _BatchNorm) for _, each in named_modules(module))
    differs = ", in which BatchNorm and dropout differ," if rates or has_norm else ""
    return f"training was compared; evaluation{differs} was not"
