"""A trained network's predictions for single digits: as a table, as JSON, as a picture."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tabulate import tabulate

from cnn_experiment.errors import UserError
from cnn_experiment.look.numbered import NumberedImage
from cnn_experiment.look.own_digit import as_mnist
from cnn_experiment.look.picture_file import read_grey
from cnn_experiment.look.trained_run import TrainedRun


@dataclass(frozen=True)
class OneDigit:
    """A digit that the network is asked about: your own, or an image of the run."""

    image: Path | int
    """The file, or the image's number."""
    title: str
    grey: NDArray[np.uint8]
    """The picture's grey levels, (height, width)."""
    digit: NDArray[np.uint8]
    """The digit in MNIST's form, (28, 28)."""
    label: int | None = None
    """None for your own digit."""


def read_own_digit(file: Path | str) -> OneDigit:
    """Read a PNG or JPEG that shows one digit; raises `UserError` for anything else."""
    file = Path(file)
    grey = read_grey(file)
    try:
        return OneDigit(file, file.name, grey, as_mnist(grey))
    except UserError as error:
        raise UserError(f"image = {file}: {error}") from error


def digit_of(image: NumberedImage) -> OneDigit:
    """Return an image of the run, with its label, as a digit to ask about."""
    return OneDigit(image.number, image.title, image.pixels, image.pixels, image.label)


@dataclass(frozen=True)
class Guesses:
    """Digits, and the network's probabilities (count, classes) for them."""

    digits: Sequence[OneDigit]
    probabilities: NDArray[Any]

    def table(self) -> str:
        """Return a table with a row for each digit; probabilities are percentages."""
        rows = [
            {**told, **{str(digit): f"{100 * value:.1f} %" for digit, value in enumerate(row)}}
            for told, row in self._told()
        ]
        return tabulate(rows, headers="keys", stralign="right")

    def json(self) -> str:
        """Return a JSON list with `image`, `label` if there is one, `digit`, `probabilities`."""
        rows = [{**told, "probabilities": row.tolist()} for told, row in self._told()]
        return json.dumps(rows, indent=2)

    def _told(self) -> Iterator[tuple[dict[str, str | int], NDArray[Any]]]:
        """Yield image, label if there is one, likeliest digit; and the probabilities."""
        for asked, row in zip(self.digits, self.probabilities, strict=True):
            image = asked.image if isinstance(asked.image, int) else str(asked.image)
            label = {} if asked.label is None else {"label": asked.label}
            yield {"image": image, **label, "digit": int(row.argmax())}, row

    def png(self) -> bytes:
        """Return a PNG with each digit as drawn and as the network got it; needs matplotlib."""
        from cnn_experiment.look import pictures

        rows = [
            pictures.Guess(asked.title, asked.grey, asked.digit, row)
            for asked, row in zip(self.digits, self.probabilities, strict=True)
        ]
        return pictures.png(pictures.guesses(rows))


def guesses(run: TrainedRun, backend_name: str, digits: Sequence[OneDigit]) -> Guesses:
    """Return the predictions of the run's network for the digits."""
    seen = np.stack([asked.digit for asked in digits])
    return Guesses(digits, run.predict(backend_name, seen))
