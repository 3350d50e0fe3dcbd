"""Every planted difference of the suite, and how large each is."""

from tests.known_differences import (
    activations,
    adam,
    attention,
    biases,
    clipping,
    convolutions,
    embeddings,
    frozen_layers,
    gradients,
    initial_state,
    inputs,
    loss_reductions,
    losses_of_classes,
    losses_of_counts,
    losses_of_directions,
    losses_of_logits,
    losses_of_outputs,
    losses_of_overlaps,
    losses_of_probabilities,
    losses_of_sequences,
    losses_of_values,
    metrics,
    normalizations,
    occurrences,
    other_losses,
    other_normalizations,
    parameters,
    penalties,
    pooling,
    recurrent,
    recurrent_variables,
    regularization_layers,
    reshaping,
    resizing,
    rmsprop,
    schedule_shapes,
    schedules,
    settings,
    sgd,
    updates,
    weight_decay,
)
from tests.known_differences.planting import Planted, climbed

PLANTED = [
    *activations.PLANTED,
    *adam.PLANTED,
    *attention.PLANTED,
    *biases.PLANTED,
    *clipping.PLANTED,
    *convolutions.PLANTED,
    *embeddings.PLANTED,
    *frozen_layers.PLANTED,
    *gradients.PLANTED,
    *initial_state.PLANTED,
    *inputs.PLANTED,
    *loss_reductions.PLANTED,
    *losses_of_classes.PLANTED,
    *losses_of_counts.PLANTED,
    *losses_of_directions.PLANTED,
    *losses_of_logits.PLANTED,
    *losses_of_outputs.PLANTED,
    *losses_of_overlaps.PLANTED,
    *losses_of_probabilities.PLANTED,
    *losses_of_sequences.PLANTED,
    *losses_of_values.PLANTED,
    *metrics.PLANTED,
    *normalizations.PLANTED,
    *occurrences.PLANTED,
    *other_losses.PLANTED,
    *other_normalizations.PLANTED,
    *parameters.PLANTED,
    *penalties.PLANTED,
    *pooling.PLANTED,
    *recurrent.PLANTED,
    *recurrent_variables.PLANTED,
    *regularization_layers.PLANTED,
    *reshaping.PLANTED,
    *resizing.PLANTED,
    *rmsprop.PLANTED,
    *schedule_shapes.PLANTED,
    *schedules.PLANTED,
    *settings.PLANTED,
    *sgd.PLANTED,
    *updates.PLANTED,
    *weight_decay.PLANTED,
]


NO_NUMBER = "no number"


def size_of(planted: Planted) -> dict[str, str]:
    """Climb with the mistake; return the rung that fails first and the largest difference there.

    It is relative, with two digits: the largest difference over the largest magnitude of Keras'
    array; `NO_NUMBER` where the arrays have other shapes or a value is not finite.
    """
    rungs = climbed(planted, faulty=True).rungs
    worst = next(rung for rung in rungs if rung.passed is False)
    return {
        "known difference": planted.entry,
        "rung": worst.rung,
        "relative": NO_NUMBER if worst.worst is None else f"{worst.worst:.1e}",
    }
