"""Learning curves that are redrawn while a run trains, in a notebook or in a file."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.errors import UserError, sentence_of
from cnn_experiment.runs.history import EpochRecord
from cnn_experiment.settings.presets import ACCURACY_LINE


class LiveCurves:
    """A `Watcher` that draws the learning curves again after every epoch.

    Without `file` they are shown in a Jupyter notebook, as one picture that is updated in place.
    With `file` they are written there as a PNG, each time completely or not at all. `epochs` is the
    number of epochs of the run, `earlier` the records of a resumed run. A dashed line is drawn at
    the accuracy `line`; `accuracy_line` returns that of an experiment. A file that cannot be
    written gives one warning and does not stop the run; `is_drawn` says whether the last picture
    was drawn.

    Raises `UserError` if matplotlib is not installed, and outside of a notebook without `file`.
    """

    def __init__(
        self,
        epochs: int,
        earlier: Sequence[EpochRecord] = (),
        *,
        file: Path | str | None = None,
        line: float = ACCURACY_LINE,
    ) -> None:
        from cnn_experiment.look import pictures  # loads matplotlib

        self._pictures, self._epochs, self._line = pictures, epochs, line
        self._file = None if file is None else Path(file)
        self._records = list(earlier)
        self._figure: Any = None
        self.is_drawn = self._has_failed = False
        if file is None:
            _must_be_in_a_notebook()
        if self._records:
            self._draw()

    def batches_done(self, count: int, loss: float, accuracy: float) -> None:
        """Do nothing: the curves have one point for each epoch."""

    def epoch_done(self, record: EpochRecord) -> None:
        """Draw the curves with this epoch."""
        self._records.append(record)
        self._draw()

    def _draw(self) -> None:
        figure = self._pictures.curves({"": self._records}, self._epochs, lines=(self._line,))
        picture = self._pictures.png(figure)
        if self._file is not None:
            self._write(self._file, picture)
        else:
            self._show(picture)

    def _write(self, file: Path, picture: bytes) -> None:
        try:
            write_atomically(file, picture)
            self.is_drawn = True
        except OSError as error:
            self.is_drawn = False
            if not self._has_failed:
                logging.getLogger(__name__).warning("no curves: %s", sentence_of(error))
            self._has_failed = True

    def _show(self, picture: bytes) -> None:
        from IPython.display import Image, display

        image = Image(data=picture, format="png")
        self.is_drawn = True
        if self._figure is None:
            self._figure = display(image, display_id=True)
        else:
            self._figure.update(image)


def _must_be_in_a_notebook() -> None:
    try:
        from IPython import get_ipython
    except ModuleNotFoundError:
        is_notebook = False
    else:
        is_notebook = getattr(get_ipython(), "kernel", None) is not None
    if not is_notebook:
        raise UserError("live curves: there is no notebook to show them in; accepted: a file")
