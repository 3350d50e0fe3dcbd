"""The experiment without a framework: its settings, its data, and the files of its runs."""

from cnn_experiment.data.mnist import Digits, Pixels, load_mnist, load_pixels
from cnn_experiment.errors import UserError
from cnn_experiment.formats.weight_files import read_weights
from cnn_experiment.look.live_curves import LiveCurves
from cnn_experiment.runs.checkpoint import Checkpoint, read_checkpoint
from cnn_experiment.runs.history import EpochRecord, Evaluation, Tally
from cnn_experiment.runs.keeper import Diverged, FolderKeeper, Keeper, Stopped
from cnn_experiment.runs.progress import ProgressBar, Watcher
from cnn_experiment.runs.run_folder import RunFolder
from cnn_experiment.settings.experiment import Data, Experiment
from cnn_experiment.settings.network import Convolution, Hidden, Layer, Network, Output
from cnn_experiment.settings.optimizers import Adamax, Nadam, RMSprop
from cnn_experiment.settings.presets import PRESETS, accuracy_line, preset
from cnn_experiment.settings.randomness import batch_order, epoch_batches, initial_weights
from cnn_experiment.settings.regularizers import L1, L2
from cnn_experiment.settings.schedules import ConstantRate, ExponentialDecay, InverseTimeDecay
from cnn_experiment.version import __version__

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
    "__version__",
    "accuracy_line",
    "batch_order",
    "epoch_batches",
    "initial_weights",
    "load_mnist",
    "load_pixels",
    "preset",
    "read_checkpoint",
    "read_weights",
]
