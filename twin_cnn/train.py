"""Train a published experiment, a variation of it, or one from a file, with PyTorch or Keras.

    twin-cnn train --backend torch --preset article-2 --out runs/article-2
    twin-cnn train --resume runs/article-2

Writes experiment.json, history.csv, curves.png and checkpoints into the run's folder:
latest.safetensors, and best.safetensors after the epoch with the best validation accuracy. At the
end it writes weights.safetensors (neutral names, Keras' layout). A run that was stopped or killed
continues with --resume, in either backend. Ctrl-C and SIGTERM finish the step and save the state; a
second one ends the process at once. Processes that PyTorch's `torchrun` has started train one run
together:

    torchrun --nproc-per-node 2 -m twin_cnn train --preset article-2 --out runs/article-2
"""

import argparse
import logging
import sys
from functools import partial

from cnn_experiment import ProgressBar, Stopped
from cnn_experiment.command_line import errors_as_one_sentence
from cnn_experiment.session import Session
from cnn_experiment.train_options import (
    command_to_go_on,
    curves_of,
    is_a_rank,
    name_of,
    parsed,
    session_of,
    train_parser,
)


def main() -> None:
    """Train as the command line says; exit with status 1 and one sentence for wrong input."""
    parser = train_parser(__doc__)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        with errors_as_one_sentence():
            options = parsed(parser)
            if options.plot == "curves":
                import cnn_experiment.look.pictures  # noqa: F401 - raises `UserError` without matplotlib
            if is_a_rank():
                from torch_cnn.torchrun import train_together  # loads PyTorch

                train_together(options, partial(train, options))
                return
            with session_of(options) as session:
                train(options, session)
    except Stopped as stop:
        sys.exit(128 + stop.number)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def train(options: argparse.Namespace, session: Session) -> None:
    """Train the session's run; print the result, and the files that it wrote."""
    session.backend.prepare_process()
    curves = curves_of(options, session)
    print(f"{name_of(options)} on {session}", flush=True)
    bar = ProgressBar(session.start.experiment, session.start)
    try:
        last = session.train((bar, *curves))
    except Stopped as stop:
        command = command_to_go_on(options, session.folder.path)
        print(f"{stop}; go on with: {command}", file=sys.stderr)
        raise
    print(f"test accuracy {last.val_accuracy:.4f}, loss {last.val_loss:.4f}")
    rate = session.start.experiment.data.train_images / last.seconds
    print(f"{rate:,.0f} images a second in the last epoch, evaluation included")
    folder = session.folder
    written = [*folder.files, *(folder.curves_file for drawn in curves if drawn.is_drawn)]
    print(f"wrote {', '.join(file.name for file in written)} to {folder.path}")


if __name__ == "__main__":
    main()
