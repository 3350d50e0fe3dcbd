"""The analysis of a results file as text, as JSON and as a picture. Loads SciPy."""

from pathlib import Path

from cnn_experiment.atomic_file import write_atomically, write_json_atomically
from cnn_experiment.command_line import must_be_writable_file, must_be_writable_picture
from measurements.accuracy.analysis import analysis
from measurements.accuracy.runs import chosen_runs
from measurements.accuracy.tables import picture, tables
from measurements.json_lines import must_be_a_file_of_lines


def report(
    results: Path,
    preset_name: str | None,
    seeds: int | None,
    json: Path | None,
    plot: Path | None,
) -> str:
    """Return the analysis of the chosen runs as text; write it to `json`, and draw it to `plot`."""
    must_be_a_file_of_lines(results, "results")
    must_be_writable_file(json, "json")
    must_be_writable_picture(plot)
    experiments = analysis(chosen_runs(results, preset_name, seeds))
    if json is not None:
        write_json_atomically(json, experiments)
    if plot is not None:
        write_atomically(plot, picture(experiments))
    return tables(experiments)
