"""The result of one climb of this experiment, as it is written into parity.json."""

from pathlib import Path

from cnn_experiment import Experiment
from cnn_experiment.machine import Machine
from cnn_experiment.value import Size, Value
from parity_ladder import Result

FILE = "parity.json"
_LONGEST = 32 * 2**20
"""Bytes. An epoch of 60,000 updates needs less."""


class ParityResult(Result, Value):
    """The result of a climb, with its experiment, and with the software and machine it ran on."""

    preset: str | None
    """None for an experiment from a file."""
    steps: Size
    mutant: str | None
    """The known difference that was planted in the port."""
    cause: str | None
    """The names of the causes."""
    device: str
    twins: int | None
    """The number of twins of each side; None in float64."""
    random_digits: bool = False
    experiment: Experiment
    versions: dict[str, str]
    machine: Machine | None = None


def read_parity_result(folder: Path | str) -> ParityResult:
    """Read the result from this folder; raises `UserError` for a file that is not one."""
    what = "what twin-cnn parity --out wrote"
    return ParityResult.from_file(Path(folder) / FILE, longest=_LONGEST, what=what)
