"""Known differences in how the losses of several outputs become one."""

from typing import Any

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import LossPlace
from parity_ladder.known_differences.whole_loss import data_loss, with_data_loss

_OUTPUTS = "keras/src/trainers/compile_utils.py (CompileLoss)"


@known("weights of outputs left out", rung="loss", area="losses", source=_OUTPUTS)
def shares_left_out(place: LossPlace) -> Any:
    """The port adds up the losses of the outputs without their weights.

    The Keras model was compiled with `loss_weights`. Multiply each loss by its own:
    `loss = 1.0 * loss_a + 0.3 * loss_b`.
    """
    if all(term.share == 1 for term in place.terms):
        return None
    return with_data_loss(place, sum(term.right for term in place.terms))


@known("losses of outputs averaged", rung="loss", area="losses", source=_OUTPUTS)
def averaged_over_outputs(place: LossPlace) -> Any:
    """The port averages the losses of the model's outputs, and Keras adds them up.

    Write `loss = loss_a + loss_b`, each times its weight if the model has `loss_weights`.
    """
    if len(place.terms) < 2:
        return None
    divisors = (len(place.terms), sum(term.share for term in place.terms))
    return place.nearest([with_data_loss(place, data_loss(place) / each) for each in divisors])


@known("loss of an output left out", rung="loss", area="losses", source=_OUTPUTS)
def output_left_out(place: LossPlace) -> Any:
    """The port leaves the loss of one of the model's outputs out.

    Keras adds up the losses of all outputs that have one. Write `loss = loss_a + loss_b`.
    """
    if len(place.terms) < 2:
        return None
    return place.nearest(
        [with_data_loss(place, data_loss(place) - term.share * term.right) for term in place.terms]
    )
