r"""Draw what a layer of a trained network gives out for a digit, as articles IV to VI do.

    python scripts/activations.py --run runs/article-2 --layer conv2d_1 --image 12 --out maps.png
    python scripts/activations.py --run runs/article-2 --layer dense_1 --compare 6,24,16 \
        --backend both --out nodes.png

A convolution's or pooling's maps, or a dense layer's nodes, stand 8 in a row beside the digit. All
digits of a picture share one scale of colours. N counts the run's own test images from 0.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

MOST_IMAGES = 16
"""In one picture."""


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    from trained_run import add_run_options  # scripts/trained_run.py, beside this file

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_run_options(parser)
    parser.add_argument("--layer", required=True, metavar="NAME", help="conv2d_1, dense_1, ...")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--image", type=int, metavar="N", help="a test image")
    which.add_argument(
        "--compare", type=numbers, metavar="N,M,...", help="several test images, one below another"
    )
    parser.add_argument(
        "--backend",
        choices=("torch", "keras", "both"),
        default="torch",
        help="both: torch, Keras and their difference side by side",
    )
    parser.add_argument(
        "--scale",
        action="store_true",
        help="standardise each map and cut it to 0 to 255, which shows faint ones",
    )
    parser.add_argument("--cmap", default="jet", metavar="NAME", help="matplotlib's; default jet")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.png")
    return parser.parse_args()


def main() -> None:
    """Draw as the command line says; exit with 1 and one sentence where that cannot be done."""
    options = arguments()
    from cnn_experiment import UserError

    try:
        draw(options)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")


def draw(options: argparse.Namespace) -> None:
    """Check the options, look at the layer, write the picture."""
    import numpy as np
    from trained_run import TrainedRun, must_be_a_png

    from cnn_experiment import UserError
    from cnn_experiment.atomic_file import write_atomically
    from cnn_experiment.look import pictures

    must_be_a_png(options.out)
    run = TrainedRun(options)
    layers = [layer.name for layer in run.experiment.network.layers()]
    if options.layer not in layers:
        raise UserError(f"layer = {options.layer!r}: accepted: {', '.join(layers)}")
    wanted = [options.image] if options.compare is None else options.compare
    if len(wanted) > MOST_IMAGES:
        raise UserError(f"compare = {len(wanted)} images: accepted: at most {MOST_IMAGES}")
    count = len(run.pixels.test_images)
    for number in wanted:
        if not 0 <= number < count:
            raise UserError(f"image = {number}: accepted: 0 to {count - 1}, the test images")
    images = run.pixels.test_images[wanted]
    backends = ("torch", "keras") if options.backend == "both" else (options.backend,)
    outputs = {name: run.layer_outputs(name, images)[options.layer] for name in backends}
    rows = []
    for place, number in enumerate(wanted):
        title = f"image {number}: a {run.pixels.test_labels[number]}"
        found = {name: output[place] for name, output in outputs.items()}
        rows.append(pictures.Looked(title, images[place], panels(found, scale=options.scale)))
    picture = pictures.png(pictures.layer_outputs(rows, options.cmap))
    write_atomically(options.out, picture)
    shape = "x".join(str(size) for size in outputs[backends[0]].shape[1:])
    print(f"{options.layer}, {shape}: wrote {options.out}")
    if options.backend == "both":
        apart = np.abs(outputs["torch"] - outputs["keras"]).max()
        print(f"torch and Keras: at most {apart:.2g} apart")


def panels(outputs: dict[str, Any], *, scale: bool) -> list[Any]:
    """One image's outputs, and the difference where there are two."""
    import numpy as np

    from cnn_experiment.look import pictures

    shown = [
        pictures.Panel(name, pictures.standardised(output) if scale else output)
        for name, output in outputs.items()
    ]
    if len(outputs) == 2:
        difference = outputs["torch"] - outputs["keras"]
        furthest = np.abs(difference).max()
        title = f"torch - keras: at most {furthest:.1e}" if furthest else "torch - keras: the same"
        shown.append(pictures.Panel(title, difference, is_difference=True))
    return shown


def numbers(text: str) -> list[int]:
    """Return the whole numbers between the commas."""
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}; accepted: whole numbers with commas between, as 6,24,16"
        ) from None


if __name__ == "__main__":
    main()
