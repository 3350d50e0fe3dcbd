"""Climb the parity ladder: compare the PyTorch port with Keras, and name the first difference.

    python scripts/parity.py --preset article-3-addendum --dtype float64 --steps 200
    python scripts/parity.py --mutant "rho 0.99" --steps 6
    python scripts/parity.py --list-mutants

Prints a line a rung while it climbs and writes parity.json into the folder. Exits with 0 only if
every rung holds, otherwise with 1 and a sentence that names the first difference and its cause.
"""

import argparse
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--preset", metavar="NAME", default="article-3-addendum")
    what.add_argument("--experiment", type=Path, metavar="FILE", help="an experiment.json")
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64")
    parser.add_argument(
        "--steps", type=int, default=100, metavar="N", help="one epoch of N batches; default 100"
    )
    parser.add_argument(
        "--twins", type=int, default=7, metavar="N", help="float32: twins a side; default 7"
    )
    parser.add_argument("--mutant", metavar="NAME", help="plant this known difference in the port")
    parser.add_argument("--seed", type=int, metavar="S")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--random-digits",
        action="store_true",
        help="random images of the network's own shape instead of MNIST",
    )
    parser.add_argument("--list-mutants", action="store_true", help="list the known differences")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for parity.json")
    parser.add_argument(
        "--report", action="store_true", help="write report.html there too: the climb as one page"
    )
    return parser.parse_args()


def main() -> None:
    """Climb as the command line says."""
    options = arguments()
    from cnn_experiment import UserError

    try:
        if options.list_mutants:
            list_mutants()
        else:
            sys.exit(climb(options))
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")


def list_mutants() -> None:
    """Print each known difference with its sentence and its source."""
    from parity_tests.known_differences import CATALOGUE

    for name, entry in CATALOGUE.items():
        print(f"{name}\n    {entry.sentence()}\n    rung: {entry.rung}; source: {entry.source}")


def climb(options: argparse.Namespace) -> int:
    """Compare, print and write; return the exit status."""
    must_be_able_to_report(options)
    experiment = experiment_of(options)
    port_class = port_of(options.mutant)

    from tqdm import tqdm

    from parity_tests.diagnosis import causes
    from parity_tests.envelope import measure, twin_difference
    from parity_tests.evidence import teacher_forced
    from parity_tests.keras_implementation import KerasReference
    from parity_tests.ladder import Ladder
    from parity_tests.random_digits import on_random_digits

    reference_class = KerasReference
    if options.random_digits:
        port_class, reference_class = on_random_digits(port_class), on_random_digits(KerasReference)
    port, reference = port_class(experiment, options.device), reference_class(experiment)
    ladder = Ladder(port, reference, on_rung=lambda rung: tqdm.write(line(rung)))
    bar = partial(tqdm, unit="step", leave=False, disable=None)
    steps = options.steps
    found = ladder.climb(bar(teacher_forced(reference), total=steps, desc="steps"))
    envelope = None
    if found is None and options.dtype == "float32":
        with bar(total=2 * (1 + options.twins) * steps, desc="one-ulp twins") as twin_bar:
            envelope = measure(port, reference, options.twins, twin_bar.update)
        ladder.judge_envelope(envelope)
        found = ladder.first_difference
    names = causes(found, port, teacher_forced(reference)) if found is not None else []
    explained = None
    if found is not None:
        apart = twin_difference(reference) if found.rung == "trajectory" else None
        explained = explanation(names, apart)
    if options.out is not None:
        result = result_of(options, ladder, envelope, names, explained)
        write(options.out, result, with_report=options.report)
    if found is None:
        if options.mutant is not None:
            print(f"the planted fault {options.mutant!r} does not show in this experiment")
        print(f"every rung holds: {options.steps} steps in {options.dtype}")
        return 0
    print(found)
    print(explained)
    return 1


def must_be_able_to_report(options: argparse.Namespace) -> None:
    """Raise `UserError` for a report that could not be written once all is measured."""
    from cnn_experiment import UserError

    if options.report and options.out is None:
        raise UserError("report: it needs a folder; accepted: with --out DIR")
    if options.report:
        import parity_tests.report  # noqa: F401 - is what it needs installed?


def experiment_of(options: argparse.Namespace) -> Any:
    """Return the experiment in the dtype asked for, with an epoch of so many steps."""
    from cnn_experiment import UserError, load_mnist, preset
    from cnn_experiment.runs.run_folder import read_experiment
    from parity_tests.small import short_epoch

    if options.experiment is not None:
        experiment = read_experiment(options.experiment)
    else:
        experiment = preset(options.preset)
    most = -(-60_000 // experiment.batch_size)
    if options.twins < 2:
        raise UserError(f"twins = {options.twins}: accepted: 2 or more; the limits are those of 7")
    if not 1 <= options.steps <= most:
        raise UserError(f"steps = {options.steps}: accepted: 1 to {most}, an epoch of all images")
    changes = {} if options.seed is None else {"seed": options.seed}
    experiment = experiment.with_changes(dtype=options.dtype, **changes)
    experiment = short_epoch(experiment, options.steps)
    if not options.random_digits:
        load_mnist(experiment).must_fit(experiment)
    return experiment


def port_of(mutant: str | None) -> Any:
    """Return the sound port, or the one with this known difference."""
    from cnn_experiment import UserError
    from parity_tests.known_differences import CATALOGUE
    from parity_tests.torch_implementation import TorchPort

    if mutant is None:
        return TorchPort
    if mutant not in CATALOGUE:
        raise UserError(f"mutant = {mutant!r}: accepted: {', '.join(CATALOGUE)}")
    return CATALOGUE[mutant]


def line(rung: Any) -> str:
    """Return a rung's row of the table."""
    outcome = {True: "holds", False: "FAILS", None: "unseen"}[rung.passed]
    return f"{rung.name:28} {outcome:6} worst {rung.worst:8.1e}  tolerance {rung.tolerance:8.1e}"


def explanation(names: list[str], twins_apart: float | None) -> str:
    """Return the sentence on the cause; `twins_apart`, where only the trajectories part."""
    from parity_tests.known_differences import CATALOGUE

    if twins_apart is not None:
        return (
            "every single step agrees, so no known difference explains it; the reference itself,"
            f" begun one ulp away, parts by {twins_apart:.2g} in a weight"
        )
    if not names:
        return "no known difference explains it"
    return "; ".join(f"cause: {name}. {CATALOGUE[name].sentence()}" for name in names)


def result_of(
    options: argparse.Namespace,
    ladder: Any,
    envelope: Any,
    names: list[str],
    explained: str | None,
) -> Any:
    """Return what the climb found as the value that parity.json holds."""
    from cnn_experiment.machine import Machine
    from parity_tests.parity_result import (
        FreeRunning,
        ParityResult,
        RungResult,
        TwinDistances,
        finite,
    )

    found = ladder.first_difference
    return ParityResult(
        preset=None if options.experiment else options.preset,
        dtype=options.dtype,
        steps=options.steps,
        mutant=options.mutant,
        device=options.device,
        twins=options.twins if options.dtype == "float32" else None,
        random_digits=options.random_digits,
        experiment=ladder.reference.experiment,
        versions={name: version(name) for name in ("torch", "keras", "tensorflow", "numpy")},
        machine=Machine.this(),
        rungs=tuple(
            RungResult(
                rung=rung.name,
                passed=rung.passed,
                worst=finite(rung.worst),
                tolerance=rung.tolerance,
                where=rung.where,
            )
            for rung in ladder.rungs.values()
        ),
        loss_max_difference=finite(ladder.loss_max_difference),
        weight_max_difference=finite(ladder.weight_max_difference),
        first_difference=None if found is None else str(found),
        cause="; ".join(names) or None,
        explanation=explained,
        free_running=FreeRunning.of(ladder) if ladder.loss_differences else None,
        twin_distances=None if envelope is None else TwinDistances.of(envelope),
    )


def write(folder: Path, result: Any, *, with_report: bool) -> None:
    """Write parity.json, the experiment.json to repeat it with and, if asked for, its page."""
    from cnn_experiment.atomic_file import write_atomically
    from parity_tests.parity_result import FILE

    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / FILE, result.to_json().encode())
    write_atomically(folder / "experiment.json", result.experiment.to_json().encode())
    if with_report:
        from parity_tests.report import page, read_runs

        write_atomically(folder / "report.html", page(read_runs([folder])))


if __name__ == "__main__":
    main()
