r"""Draw what a layer of a trained network gives out for a digit, as articles IV to VI do.

    python scripts/activations.py --run runs/article-2 --layer conv2d_1 --image 12 --out maps.png
    python scripts/activations.py --run runs/article-2 --layer dense_1 --compare 6,24,16 \
        --backend both --out nodes.png

A convolution's or pooling's maps, or a dense layer's nodes, stand 8 in a row beside the digit. All
digits of a picture share one scale of colours. N counts the run's own test images from 0.
"""

import argparse
from pathlib import Path

from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.command_line import (
    errors_as_one_sentence,
    must_be_writable_picture,
    parser_of,
)
from cnn_experiment.look.trained_run import TrainedRun, add_run_options


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = parser_of(__doc__)
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
    with errors_as_one_sentence():
        must_be_writable_picture(options.out, "out")
        from cnn_experiment.look import activations, pictures  # they need matplotlib

        pictures.must_be_a_colormap(options.cmap)
        images = [options.image] if options.compare is None else options.compare
        backends = ("torch", "keras") if options.backend == "both" else (options.backend,)
        run = TrainedRun(options.run, options.data_dir)
        found = activations.LayerOutputs(run, options.layer, images, backends)
        write_atomically(options.out, found.png(options.cmap, standardised=options.scale))
        print(f"{found.title}: wrote {options.out}")
        if found.largest_difference is not None:
            print(f"torch and Keras: at most {found.largest_difference:.2g} apart")


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
