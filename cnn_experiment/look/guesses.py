"""A trained network's predictions for your own digits: as a table, as JSON, as a picture."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tabulate import tabulate

from cnn_experiment.errors import UserError
from cnn_experiment.look.own_digit import as_mnist
from cnn_experiment.look.picture_file import read_grey
from cnn_experiment.look.trained_run import TrainedRun


@dataclass(frozen=True)
class OwnDigit:
    """A picture file, its grey levels (height, width), and its digit in MNIST's form (28, 28)."""

    file: Path
    grey: NDArray[np.uint8]
    digit: NDArray[np.uint8]


def read_own_digit(file: Path | str) -> OwnDigit:
    """Read a PNG or JPEG that shows one digit; raises `UserError` for anything else."""
    file = Path(file)
    grey = read_grey(file)
    try:
        return OwnDigit(file, grey, as_mnist(grey))
    except UserError as error:
        raise UserError(f"image = {file}: {error}") from error


@dataclass(frozen=True)
class Guesses:
    """Digits, and the network's probabilities (count, classes) for them."""

    digits: Sequence[OwnDigit]
    probabilities: NDArray[Any]

    def table(self) -> str:
        """Return a table with a row for each digit; probabilities are percentages."""
        rows = [
            [own.file, int(row.argmax()), *(f"{100 * value:.1f} %" for value in row)]
            for own, row in zip(self.digits, self.probabilities, strict=True)
        ]
        heads = ["image", "digit", *range(self.probabilities.shape[1])]
        return tabulate(rows, heads, stralign="right")

    def json(self) -> str:
        """Return a JSON list with `image`, `digit` and `probabilities` of each digit."""
        rows = [
            {"image": str(own.file), "digit": int(row.argmax()), "probabilities": row.tolist()}
            for own, row in zip(self.digits, self.probabilities, strict=True)
        ]
        return json.dumps(rows, indent=2)

    def png(self) -> bytes:
        """Return a PNG with each digit as drawn and as the network got it; needs matplotlib."""
        from cnn_experiment.look import pictures

        rows = [
            pictures.Guess(own.file.name, own.grey, own.digit, row)
            for own, row in zip(self.digits, self.probabilities, strict=True)
        ]
        return pictures.png(pictures.guesses(rows))


def guesses(run: TrainedRun, backend_name: str, digits: Sequence[OwnDigit]) -> Guesses:
    """Return the predictions of the run's network for the digits."""
    seen = np.stack([own.digit for own in digits])
    return Guesses(digits, run.predict(backend_name, seen))
