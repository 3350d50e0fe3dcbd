"""Every entry of the catalogue is named where it is planted, and never where it is not."""

from typing import Any

import pytest

from parity_ladder.known_differences import CATALOGUE
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


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.entry)
def test_a_planted_difference_is_found_by_name_and_rung(planted: Planted) -> None:
    result = climbed(planted, faulty=True)
    failed = [rung.rung for rung in result.rungs if rung.passed is False]
    assert failed == [CATALOGUE[planted.entry].rung], str(result)
    assert [cause.name for cause in result.causes] == [planted.entry], str(result)


def sound() -> list[Any]:
    """All planted differences; three of four wait for `-m slow`, since a climb takes a second."""
    return [
        pytest.param(planted, id=planted.entry, marks=[pytest.mark.slow] if place % 4 else [])
        for place, planted in enumerate(PLANTED)
    ]


@pytest.mark.parametrize("planted", sound())
def test_the_sound_port_holds(planted: Planted) -> None:
    result = climbed(planted, faulty=False)
    assert result.holds, str(result)
    assert not result.causes


def test_every_entry_is_planted() -> None:
    assert {planted.entry for planted in PLANTED} == CATALOGUE.keys()
