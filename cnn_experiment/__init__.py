"""The experiment, framework-neutral: what is run, on which data, in which order, from where."""

from cnn_experiment.checkpoint import Checkpoint, read_checkpoint
from cnn_experiment.errors import UserError
from cnn_experiment.experiment import Data, Experiment
from cnn_experiment.history import EpochRecord, Evaluation, Tally
from cnn_experiment.keeper import Diverged, FolderKeeper, Keeper, Stopped
from cnn_experiment.live_curves import LiveCurves
from cnn_experiment.mnist import Digits, Pixels, load_mnist, load_pixels
from cnn_experiment.network import Convolution, Hidden, Layer, Network, Output
from cnn_experiment.optimizers import Adamax, Nadam, RMSprop
from cnn_experiment.presets import PRESETS, preset
from cnn_experiment.progress import ProgressBar, Watcher
from cnn_experiment.randomness import batch_order, initial_weights
from cnn_experiment.regularizers import L1, L2
from cnn_experiment.run_folder import RunFolder
from cnn_experiment.schedules import ConstantRate, ExponentialDecay, InverseTimeDecay
from cnn_experiment.weight_files import read_weights

__all__ = [
    "L1",
    "L2",
    "PRESETS",
    "Adamax",
    "Checkpoint",
    "ConstantRate",
    "Convolution",
    "Data",
    "Digits",
    "Diverged",
    "EpochRecord",
    "Evaluation",
    "Experiment",
    "ExponentialDecay",
    "FolderKeeper",
    "Hidden",
    "InverseTimeDecay",
    "Keeper",
    "Layer",
    "LiveCurves",
    "Nadam",
    "Network",
    "Output",
    "Pixels",
    "ProgressBar",
    "RMSprop",
    "RunFolder",
    "Stopped",
    "Tally",
    "UserError",
    "Watcher",
    "batch_order",
    "initial_weights",
    "load_mnist",
    "load_pixels",
    "preset",
    "read_checkpoint",
    "read_weights",
]
