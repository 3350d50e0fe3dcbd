"""The climb of this experiment, with its batches and its known differences."""

from collections.abc import Callable

from parity_ladder import Result, RungResult, Side, climb
from parity_ladder.tolerances import TWINS
from parity_tests.digit_batches import DigitBatch
from parity_tests.keras_side import KerasReference
from parity_tests.known_differences import PlantedFaults


def climb_experiment(
    port: Side[DigitBatch],
    reference: KerasReference,
    known: PlantedFaults | None = None,
    *,
    twins: int = TWINS,
    on_rung: Callable[[RungResult], object] = lambda _: None,
) -> Result:
    """Compare a port with Keras over the first epoch and the first step of the second.

    The causes of a difference are looked for among `known`: by default, all known differences.
    """
    return climb(
        port,
        reference,
        reference.first_epoch(),
        next_epoch=reference.next_epoch(),
        known=known or PlantedFaults(reference.experiment),
        twins=twins,
        on_rung=on_rung,
    )
