"""Each known difference planted in the port: where the ladder finds it, and which cause it names.

The usual check is made too: does `assert_close` with a relative tolerance of 1e-2 see the fault in
ten losses of the published network, free-running in float32?
"""

from collections.abc import Iterator, Mapping

import torch

from cnn_experiment import Experiment, UserError, preset
from parity_tests.climbing import climb_experiment
from parity_tests.digit_batches import DigitBatch
from parity_tests.keras_side import KerasReference
from parity_tests.known_differences import CATALOGUE
from parity_tests.small import short_epoch, small_experiment
from parity_tests.torch_side import TorchPort

FIELDS = ("fault", "rung", "step", "cause", "seen by assert_close")
_STEP = "step "
_LOSSES = 10
Row = Mapping[str, str]


def rows(preset_name: str) -> Iterator[Row]:
    """Yield a row for the sound port and one for each fault, in the order of the catalogue."""
    reference = KerasReference(small_experiment())
    usual = short_epoch(preset(preset_name).with_changes(dtype="float32"), _LOSSES + 1)
    theirs = losses(KerasReference(usual))
    ports: dict[str, type[TorchPort]] = {"none": TorchPort}
    ports |= {name: entry.port for name, entry in CATALOGUE.items()}
    for name, port in ports.items():
        result = climb_experiment(port(reference.experiment), reference)
        failed = [rung.rung for rung in result.rungs if rung.passed is False]
        yield {
            "fault": name,
            "rung": "".join(failed),
            "step": _step_of(result.first_difference or ""),
            "cause": "; ".join(cause.name for cause in result.causes),
            "seen by assert_close": "yes" if usual_check_fails(port, usual, theirs) else "no",
        }


def _step_of(first_difference: str) -> str:
    """Return the number in `optimizer state, step 0: ...`; an empty text if there is none."""
    when = first_difference.partition(": ")[0].rpartition(", ")[2]
    return when.removeprefix(_STEP) if when.startswith(_STEP) else ""


def losses(side: TorchPort | KerasReference) -> list[float]:
    """Return ten reported losses of a free run with the side's own data, batches and weights."""
    digits, state = side.digits(), side.initial_state()
    reported = []
    for index in side.epoch_batches(0)[:_LOSSES]:
        batch = DigitBatch(digits.train_images_nhwc[index], digits.train_labels[index])
        step = side.step(state, batch)
        state = step.state
        reported.append(side.epoch_metrics([step])["loss"])
    return reported


def usual_check_fails(port: type[TorchPort], usual: Experiment, theirs: list[float]) -> bool:
    """Return whether `assert_close` on ten losses, or an error in the port, shows the fault."""
    try:
        ours = losses(port(usual))
        torch.testing.assert_close(torch.tensor(ours), torch.tensor(theirs), rtol=1e-2, atol=0)
    except (AssertionError, RuntimeError, UserError):  # unequal; or shapes that do not fit
        return True
    return False


def is_as_it_should_be(row: Row) -> bool:
    """Return whether the fault was found on its rung and named, or the sound port holds."""
    if row["fault"] == "none":
        return not row["rung"]
    return row["rung"] == CATALOGUE[row["fault"]].rung and row["cause"] == row["fault"]
