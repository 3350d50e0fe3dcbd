r"""Measure how the accuracy spreads over seeds, of both backends or of torch's two precisions.

    python scripts/accuracy_seeds.py --seeds 20 --out results/first_epoch_accuracy.jsonl
    python scripts/accuracy_seeds.py --contestants torch,torch-bfloat16 --epochs 5 --seeds 5 \
        --out results/bfloat16_accuracy.jsonl

Appends one JSON line a finished run; runs that the file already holds are not repeated. The suite's
accuracy band comes from the first file.
"""

import argparse
import json
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default="article-2", metavar="NAME")
    parser.add_argument("--epochs", type=int, default=1, metavar="N")
    parser.add_argument(
        "--contestants",
        default="torch,keras",
        metavar="NAMES",
        help="of torch, torch-bfloat16 and keras; default torch,keras",
    )
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="seeds 0 to N-1")
    parser.add_argument("--data-dir", type=Path, metavar="P")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    return parser.parse_args()


def main() -> None:
    """Run every seed with every contestant."""
    options = arguments()
    from cnn_experiment import UserError

    try:
        measure(options)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")


def measure(options: argparse.Namespace) -> None:
    """Train what the results file lacks and add a line for each run."""
    from backends import load_backend  # scripts/backends.py, beside this file

    from cnn_experiment import UserError, load_mnist, preset
    from cnn_experiment.atomic_file import write_atomically

    contestants = list(dict.fromkeys(options.contestants.split(",")))
    if not set(contestants) <= {"torch", "torch-bfloat16", "keras"}:
        raise UserError(
            f"contestants = {options.contestants!r}: accepted: torch, torch-bfloat16, keras, with"
            " commas between"
        )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    try:
        done = {identity(json.loads(line)) for line in lines}
    except (ValueError, KeyError) as error:
        raise UserError(f"out = {options.out}: it holds something else than runs") from error
    for seed in range(options.seeds):
        experiment = preset(options.preset).with_changes(seed=seed, epochs=options.epochs)
        digits = load_mnist(experiment, options.data_dir)
        for name in contestants:
            run = {
                "preset": options.preset,
                "epochs": options.epochs,
                "backend": name,
                "seed": seed,
            }
            if identity(run) in done:
                continue
            backend = load_backend("keras" if name == "keras" else "torch")
            precision = "bfloat16" if name == "torch-bfloat16" else "full"
            _, history = backend.train(experiment.with_changes(precision=precision), digits)
            last = history[-1]
            result = {
                "val_accuracy": round(last.val_accuracy, 4),
                "val_loss": round(last.val_loss, 6),
                "versions": {name: version(name) for name in ("torch", "keras") if find_spec(name)},
            }
            lines.append(json.dumps(run | result))
            print(lines[-1], flush=True)
            write_atomically(options.out, ("\n".join(lines) + "\n").encode())


def identity(run: dict[str, object]) -> tuple[object, ...]:
    """Return what makes two runs the same."""
    return run["preset"], run["epochs"], run["backend"], run["seed"]


if __name__ == "__main__":
    main()
