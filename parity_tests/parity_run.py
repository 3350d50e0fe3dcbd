"""One climb as `twin-cnn parity` runs it: its settings, and the files that it writes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from cnn_experiment import Experiment, UserError, load_mnist, preset
from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.command_line import must_be_a_folder
from cnn_experiment.machine import Machine
from parity_ladder import Result, RungResult
from parity_ladder.tolerances import TWINS
from parity_tests.parity_result import FILE, ParityResult
from parity_tests.small import short_epoch, small_experiment


@dataclass(frozen=True)
class ParityRun:
    """The settings of a climb. Wrong ones raise `UserError` here, before a framework is loaded."""

    preset: str | None
    """The name of the experiment; None for one from a file."""
    experiment: Experiment
    """With the dtype and the steps of the climb, as `for_a_climb` returns it."""
    mutant: str | None = None
    """The known difference to plant in the port."""
    twins: int = TWINS
    """In float32: the number of runs of each side whose initial weights are one ulp away."""
    device: str = "cpu"
    random_digits: bool = False
    """Random images of the network's input shape instead of MNIST's."""

    def __post_init__(self) -> None:
        if self.twins < 2:
            raise UserError(
                f"twins = {self.twins}: accepted: 2 or more; the tolerances are made for {TWINS}"
            )
        for package in ("torch", "keras", "tensorflow"):
            if find_spec(package) is None:
                raise UserError(f"{package} is not installed here; pip install '.[torch,keras]'")
        if not self.random_digits:
            load_mnist(self.experiment).must_fit(self.experiment)

    def climb(self, on_rung: Callable[[RungResult], object] = lambda _: None) -> ParityResult:
        """Climb. Loads both frameworks. `on_rung` is called with each rung's result at once."""
        # PyTorch first: it is loaded faster than Keras, so a wrong device is reported sooner.
        import torch_cnn
        from parity_tests.known_differences import CATALOGUE, PlantedFaults
        from parity_tests.torch_side import TorchPort

        torch_cnn.pick_device(self.device)
        if self.mutant is not None and self.mutant not in CATALOGUE:
            raise UserError(f"mutant = {self.mutant!r}: accepted: {', '.join(CATALOGUE)}")
        port = TorchPort if self.mutant is None else CATALOGUE[self.mutant].port

        from parity_tests.climbing import climb_experiment
        from parity_tests.keras_side import KerasReference
        from parity_tests.random_digits import on_random_digits

        reference = KerasReference
        known = PlantedFaults(self.experiment, self.device)
        if self.random_digits:
            port, reference = on_random_digits(port), on_random_digits(reference)
            known = PlantedFaults(self.experiment, self.device, on_random_digits)
        result = climb_experiment(
            port(self.experiment, self.device),
            reference(self.experiment),
            known,
            twins=self.twins,
            on_rung=on_rung,
        )
        return self._with_circumstances(result)

    def _with_circumstances(self, result: Result) -> ParityResult:
        fields = {name: getattr(result, name) for name in Result.model_fields}
        return ParityResult(
            **fields,
            preset=self.preset,
            steps=self.experiment.steps_per_epoch,
            mutant=self.mutant,
            cause="; ".join(cause.name for cause in result.causes) or None,
            device=self.device,
            twins=self.twins if result.dtype == "float32" else None,
            random_digits=self.random_digits,
            experiment=self.experiment,
            versions={name: version(name) for name in ("torch", "keras", "tensorflow", "numpy")},
            machine=Machine.this(),
        )


def named_experiments(
    names: Iterable[str], seeds: Iterable[int], dtype: Literal["float64", "float32"], steps: int
) -> dict[str, Experiment]:
    """Return each preset with each seed, by both; `small` is the small network of the suite.

    Each has an epoch of so many steps, or of all images where these are fewer steps.
    """
    bases = {name: small_experiment() if name == "small" else preset(name) for name in names}
    seeds = tuple(seeds)
    return {
        f"{name}, seed {seed}": for_a_climb(base, dtype, min(steps, most_steps(base)), seed)
        for name, base in bases.items()
        for seed in seeds
    }


def most_steps(experiment: Experiment) -> int:
    """Return the count of batches in an epoch of all 60,000 images."""
    return -(-60_000 // experiment.batch_size)


def for_a_climb(
    experiment: Experiment, dtype: Literal["float64", "float32"], steps: int, seed: int | None
) -> Experiment:
    """Return the experiment with this dtype, this number of steps in an epoch, and this seed.

    Raises `UserError` for a number of steps that an epoch cannot have.
    """
    most = most_steps(experiment)
    if not 1 <= steps <= most:
        raise UserError(f"steps = {steps}: accepted: 1 to {most}, an epoch of all images")
    seed = experiment.seed if seed is None else seed
    return short_epoch(experiment.with_changes(dtype=dtype, seed=seed), steps)


def verdict(result: ParityResult) -> str:
    """Return the outcome as text, the last lines that the command prints."""
    if not result.holds:
        return result.verdict
    lines = [f"{result.verdict}: {result.steps} steps in {result.dtype}"]
    if result.mutant is not None:
        lines.insert(0, f"the planted fault {result.mutant!r} does not show in this experiment")
    return "\n".join(lines)


def list_mutants() -> None:
    """Print each known difference with its sentence, its rung and its source."""
    from parity_tests.known_differences import CATALOGUE  # PyTorch

    for name, entry in CATALOGUE.items():
        tqdm.write(f"{name}\n    {entry.sentence}\n    rung: {entry.rung}; source: {entry.source}")


def must_be_writable(folder: Path | None, *, with_report: bool) -> None:
    """Raise `UserError` if what the climb finds could not be written once it is finished."""
    if with_report and folder is None:
        raise UserError("report: it needs a folder; accepted: with --out DIR")
    must_be_a_folder(folder)
    if with_report:
        import parity_tests.report  # noqa: F401 - are the packages that it needs installed?


def write(folder: Path, result: ParityResult, *, with_report: bool) -> None:
    """Write parity.json, experiment.json to repeat the climb, and its page if asked for."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / FILE, result.to_json().encode())
    write_atomically(folder / "experiment.json", result.experiment.to_json().encode())
    if with_report:
        from parity_tests.report import page, read_runs  # jinja2 and matplotlib

        write_atomically(folder / "report.html", page(read_runs([folder])))
