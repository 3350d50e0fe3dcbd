"""One climb of this experiment, as it stands in parity.json."""

from pathlib import Path

from cnn_experiment import Experiment
from cnn_experiment.machine import Machine
from cnn_experiment.value import Size, Value
from parity_ladder import Result

FILE = "parity.json"
_LONGEST = 32 * 2**20
"""More than an epoch of 60,000 updates needs."""


class ParityResult(Result, Value):
    """What the climb came to, what was climbed, and what it was computed with."""

    preset: str | None
    """None for an experiment from a file."""
    steps: Size
    mutant: str | None
    """The known difference that was planted."""
    cause: str | None
    """The causes by their names."""
    device: str
    twins: int | None
    """Of each side; None in float64."""
    random_digits: bool = False
    experiment: Experiment
    versions: dict[str, str]
    machine: Machine | None = None


def read_parity_result(folder: Path | str) -> ParityResult:
    """Read the climb that was written into this folder; `UserError` for anything else there."""
    what = "what scripts/parity.py --out wrote"
    return ParityResult.from_file(Path(folder) / FILE, longest=_LONGEST, what=what)
