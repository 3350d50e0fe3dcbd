"""Known differences in the optimizers' equations."""

from typing import Any

import keras
import numpy as np

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import UpdatePlace


@known(
    "epsilon hat in Adam",
    rung="updated weights",
    area="optimizers",
    source="keras/src/optimizers/adam.py; torch/optim/adam.py; keras #17391",
)
def epsilon_hat(place: UpdatePlace) -> Any:
    """The port's Adam adds epsilon to the corrected root of the velocity, as `torch.optim.Adam`.

    Keras adds it to the uncorrected root ("epsilon hat"), which is an epsilon 32 times larger in
    the first step. Take `keras_for_torch.KerasAdam`.
    """
    settings: Any = place.optimizer
    if type(settings) is not keras.optimizers.Adam or settings.amsgrad:
        return None
    step = place.state.iteration + 1
    found = {}
    for name, gradient in place.gradients.items():
        momentum = place.slot("momentum", name)
        velocity = place.slot("velocity", name)
        momentum = momentum + (gradient - momentum) * (1 - settings.beta_1)
        velocity = velocity + (gradient**2 - velocity) * (1 - settings.beta_2)
        corrected = np.sqrt(velocity / (1 - settings.beta_2**step)) + settings.epsilon
        found[name] = place.state.weights[name] - place.rate * (
            momentum / (1 - settings.beta_1**step) / corrected
        )
    return found
