"""Command-line options that change single settings of an experiment."""

import argparse

from cnn_experiment.settings.experiment import Experiment
from cnn_experiment.settings.overrides import with_overrides

_OF_THE_EXPERIMENT = ("epochs", "seed", "precision")
_OF_THE_DATA = ("train_images", "test_images")
_OVERRIDES = (
    "optimizer",
    "momentum",
    "epsilon_outside",
    "schedule",
    "learning_rate",
    "decay_steps",
    "decay_rate",
    "staircase",
    "l1",
    "l2",
    "filters",
    "dense",
)


def add_setting_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for each setting that `with_settings` reads; none has a default."""
    group = parser.add_argument_group("settings, instead of the preset's or the file's")
    group.add_argument("--epochs", type=int, metavar="N", help="passes over the training images")
    group.add_argument(
        "--seed",
        type=int,
        metavar="S",
        help="determines split, initial weights and batches; default 0",
    )
    group.add_argument(
        "--precision",
        choices=("full", "bfloat16"),
        help="bfloat16: faster, with float32 weights, in PyTorch only; not the same as Keras",
    )
    group.add_argument("--train-images", type=int, metavar="N", help="the first N; default 60000")
    group.add_argument("--test-images", type=int, metavar="N", help="the first N; default 10000")
    group.add_argument("--optimizer", metavar="NAME", help="rmsprop, nadam or adamax")
    group.add_argument("--momentum", type=float, metavar="X", help="momentum of rmsprop")
    group.add_argument(
        "--epsilon-outside",
        action=argparse.BooleanOptionalAction,
        help="divide by sqrt(velocity) + epsilon, as rmsprop did in Keras 2 without momentum",
    )
    group.add_argument("--schedule", metavar="NAME", help="constant, inverse_time or exponential")
    group.add_argument("--learning-rate", type=float, metavar="X", help="the initial learning rate")
    group.add_argument(
        "--decay-steps", type=float, metavar="X", help="updates in one period of decay"
    )
    group.add_argument(
        "--decay-rate", type=float, metavar="X", help="decay of the learning rate in one period"
    )
    group.add_argument(
        "--staircase",
        action=argparse.BooleanOptionalAction,
        help="decay only at the end of each period",
    )
    group.add_argument("--l1", type=float, metavar="X", help="strength of an L1 regularizer")
    group.add_argument("--l2", type=float, metavar="X", help="strength of an L2 regularizer")
    group.add_argument(
        "--filters", type=counts, metavar="N,N,...", help="filters of each convolution: 32,64,64"
    )
    group.add_argument(
        "--dense", type=counts, metavar="N,...", help="units of each hidden dense layer: 70"
    )


def with_settings(experiment: Experiment, options: argparse.Namespace) -> Experiment:
    """Return the experiment with the settings from the command line.

    Raises `UserError` for a value that is not accepted.
    """
    given = {name: value for name, value in vars(options).items() if value is not None}
    data = {name: given[name] for name in _OF_THE_DATA if name in given}
    own = {name: given[name] for name in _OF_THE_EXPERIMENT if name in given}
    overrides = {name: given[name] for name in _OVERRIDES if name in given}
    changed = experiment.with_changes(data=experiment.data.with_changes(**data), **own)
    return with_overrides(changed, **overrides)


def counts(text: str) -> list[int]:
    """Return the whole numbers between the commas; an empty list for an empty text."""
    try:
        return [int(number) for number in text.split(",")] if text else []
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}; accepted: whole numbers with commas between, as 32,64,64"
        ) from None
