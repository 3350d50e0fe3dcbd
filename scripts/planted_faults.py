"""Plant each known difference in the port, and see where the ladder finds it and what it names.

    python scripts/planted_faults.py --out results/planted_faults.csv

Prints a row a fault: the rung and the step where it is first seen, the named cause (small network,
float64), and whether the usual check would have seen it: ten losses of the published network, free
running in float32, compared by assert_close with a relative tolerance of 1e-2.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

FIELDS = ("fault", "rung", "step", "cause", "seen by assert_close")


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", metavar="NAME", default="article-3-addendum")
    parser.add_argument("--out", type=Path, metavar="FILE", help="a CSV file of the table")
    return parser.parse_args()


def main() -> None:
    """Print and write the table; exit with 1 if a fault was missed or misnamed."""
    options = arguments()
    from cnn_experiment import UserError
    from cnn_experiment.atomic_file import write_table_atomically

    try:
        rows = list(table(options.preset))
        if options.out is not None:
            write_table_atomically(options.out, rows)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    missed = [row["fault"] for row in rows if not as_it_should_be(row)]
    seen = sum(row["seen by assert_close"] == "yes" for row in rows)
    faults = len(rows) - 1
    print(f"{faults} faults: the ladder missed {len(missed)}, assert_close {faults - seen}")
    sys.exit(f"missed or misnamed: {', '.join(missed)}" if missed else 0)


def as_it_should_be(row: dict[str, Any]) -> bool:
    """Return whether the fault was found on its rung and named, and the sound port left alone."""
    from parity_tests.known_differences import CATALOGUE

    if row["fault"] == "none":
        return not row["rung"]
    return bool(row["rung"] == CATALOGUE[row["fault"]].rung and row["cause"] == row["fault"])


def table(preset_name: str) -> Any:
    """Yield a row for the sound port and for each fault, printing it."""
    from cnn_experiment import preset
    from parity_tests.diagnosis import causes
    from parity_tests.evidence import teacher_forced
    from parity_tests.keras_implementation import KerasReference
    from parity_tests.known_differences import CATALOGUE
    from parity_tests.ladder import Ladder
    from parity_tests.small import short_epoch, small_experiment
    from parity_tests.torch_implementation import TorchPort

    reference = KerasReference(small_experiment())
    forced = list(teacher_forced(reference))
    usual = short_epoch(preset(preset_name).with_changes(dtype="float32"), 11)
    expected = losses(KerasReference(usual))
    print(row_text(dict(zip(FIELDS, FIELDS, strict=True))))
    ports: dict[str, type[TorchPort]] = {"none": TorchPort, **CATALOGUE}
    for name, port_class in ports.items():
        port = port_class(reference.experiment)
        found = Ladder(port, reference).climb(forced)
        named = causes(found, port, forced) if found is not None else []
        row = {
            "fault": name,
            "rung": found.rung if found else "",
            "step": found.step if found and found.step is not None else "",
            "cause": "; ".join(named),
            "seen by assert_close": "yes"
            if usual_check_fails(port_class(usual), expected)
            else "no",
        }
        print(row_text(row), flush=True)
        yield row


def losses(implementation: Any) -> list[float]:
    """Return ten reported losses of a free run."""
    digits, state = implementation.digits(), implementation.initial_state()
    values = []
    for batch in implementation.batches(0)[:10]:
        images, labels = digits.train_images_nhwc[batch], digits.train_labels[batch]
        step = implementation.step(state, images, labels)
        state = step.state
        values.append(implementation.report([step]).loss)
    return values


def usual_check_fails(port: Any, expected: list[float]) -> bool:
    """Return whether assert_close on ten losses, or the port's own crash, shows the fault."""
    import torch

    try:
        torch.testing.assert_close(
            torch.tensor(losses(port)), torch.tensor(expected), rtol=1e-2, atol=0
        )
    except (AssertionError, RuntimeError):  # unequal; or shapes that do not go together
        return True
    return False


def row_text(row: dict[str, Any]) -> str:
    """Return a row of the table as text."""
    widths = (36, 28, 5, 36, 0)
    return " ".join(f"{row[field]!s:{width}}" for field, width in zip(FIELDS, widths, strict=True))


if __name__ == "__main__":
    main()
