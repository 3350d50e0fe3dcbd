"""What a trained network takes a person's own digits for: as a table, as JSON, as a picture."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tabulate import tabulate

from cnn_experiment.errors import UserError
from cnn_experiment.look import own_digit
from cnn_experiment.look.trained_run import TrainedRun


@dataclass(frozen=True)
class OwnDigit:
    """A picture in a file, in grey levels, and its digit in MNIST's form (28, 28)."""

    file: Path
    grey: NDArray[np.uint8]
    digit: NDArray[np.uint8]


def read_own_digit(file: Path | str) -> OwnDigit:
    """Read a PNG or JPEG with one digit in it; raise `UserError` for anything else."""
    file = Path(file)
    grey = own_digit.read_grey(file)
    try:
        return OwnDigit(file, grey, own_digit.as_mnist(grey))
    except UserError as error:
        raise UserError(f"image = {file}: {error}") from error


@dataclass(frozen=True)
class Guesses:
    """Own digits, and the network's probabilities (count, classes) for them."""

    digits: Sequence[OwnDigit]
    probabilities: NDArray[Any]

    def table(self) -> str:
        """Return a row for each digit, with the probabilities in per cent."""
        rows = [
            [own.file, int(row.argmax()), *(f"{100 * value:.1f} %" for value in row)]
            for own, row in zip(self.digits, self.probabilities, strict=True)
        ]
        heads = ["image", "digit", *range(self.probabilities.shape[1])]
        return tabulate(rows, heads, stralign="right")

    def json(self) -> str:
        """Return a list with `image`, `digit` and `probabilities` of each digit."""
        rows = [
            {"image": str(own.file), "digit": int(row.argmax()), "probabilities": row.tolist()}
            for own, row in zip(self.digits, self.probabilities, strict=True)
        ]
        return json.dumps(rows, indent=2)

    def png(self) -> bytes:
        """Return a picture of each digit, as it is and as the network saw it; needs matplotlib."""
        from cnn_experiment.look import pictures

        rows = [
            pictures.Guess(own.file.name, own.grey, own.digit, row)
            for own, row in zip(self.digits, self.probabilities, strict=True)
        ]
        return pictures.png(pictures.guesses(rows))


def guesses(run: TrainedRun, backend_name: str, digits: Sequence[OwnDigit]) -> Guesses:
    """Return what the run's network takes the digits for."""
    seen = np.stack([own.digit for own in digits])
    return Guesses(digits, run.predict(backend_name, seen))
