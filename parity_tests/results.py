"""The place of the measured results that come with the code."""

from pathlib import Path


def results_folder() -> Path:
    """Return the folder of measured results, in a checkout or in an installation."""
    here = Path(__file__).parent
    return next(f for f in (here.parent / "results", here / "results") if f.is_dir())
