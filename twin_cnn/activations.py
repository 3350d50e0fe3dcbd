r"""Draw the output of a layer of a trained network for a digit, as in articles IV to VI.

    twin-cnn activations --run runs/article-2 --layer Conv2D_1 --image 12 --out maps.png
    twin-cnn activations --run runs/article-2 --layer dense_1 --compare 6,24,16 \
        --backend both --out nodes.png

The maps of a convolution or pooling, or the nodes of a dense layer, are drawn beside the digit, 8
in a row. All digits of a picture have one scale of colours. N counts the run's test images from 0,
or with --set train its training images. Layers are named as in the articles, dense ones from 1 on.
"""

import argparse
from pathlib import Path

from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.command_line import (
    errors_as_one_sentence,
    must_be_writable_picture,
    parser_of,
    whole_numbers,
)
from cnn_experiment.look.numbered import add_set_option, numbered_images
from cnn_experiment.look.trained_run import TrainedRun, add_run_options


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    add_run_options(parser)
    parser.add_argument("--layer", required=True, metavar="NAME", help="Conv2D_1, dense_1, ...")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--image", type=int, metavar="N", help="one image")
    which.add_argument(
        "--compare", type=whole_numbers, metavar="N,M,...", help="several images, one below another"
    )
    add_set_option(parser)
    parser.add_argument(
        "--backend",
        choices=("torch", "keras", "both"),
        default="torch",
        help="both: torch, Keras and their difference side by side",
    )
    parser.add_argument(
        "--scale",
        action="store_true",
        help="standardise each map and clip it to 0 to 255, which shows faint maps",
    )
    parser.add_argument("--cmap", default="jet", metavar="NAME", help="matplotlib's; default jet")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.png")
    return parser.parse_args()


def main() -> None:
    """Draw as the command line says; exit with status 1 and one sentence for wrong input."""
    options = arguments()
    with errors_as_one_sentence():
        must_be_writable_picture(options.out, "out")
        from cnn_experiment.look import activations, pictures  # they need matplotlib

        pictures.must_be_a_colormap(options.cmap)
        wanted = [options.image] if options.compare is None else options.compare
        backends = ("torch", "keras") if options.backend == "both" else (options.backend,)
        run = TrainedRun(options.run, options.data_dir)
        images = numbered_images(run.pixels, options.set, wanted)
        outputs = activations.LayerOutputs(run, options.layer, images, backends)
        write_atomically(options.out, outputs.png(options.cmap, standardised=options.scale))
        print(f"{outputs.title}: wrote {options.out}")
        if outputs.largest_difference is not None:
            print(f"torch and Keras: at most {outputs.largest_difference:.2g} apart")


if __name__ == "__main__":
    main()
