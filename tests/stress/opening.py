"""Open a file in a child process, within limits of time and memory."""

import os
import resource
import signal
from pathlib import Path

import numpy as np

from cnn_experiment import Experiment, UserError, read_checkpoint
from cnn_experiment.data.mnist_files import FILES, data_root, read_mnist_files
from cnn_experiment.formats.weight_files import read_weights
from cnn_experiment.runs.run_folder import read_experiment
from cnn_experiment.variables import Variables
from tests.stress.sound_files import experiment_of_the_files

SECONDS = 2.0
"""The processor time in which a file must be opened."""
BASE_MEMORY = 256 * 2**20
"""Bytes of address space that opening may need, besides 4 times the size of the file."""


def in_a_process(folder: Path, name: str, content: bytes) -> str:
    """Open the content in a child process; return `loads`, `refused`, or what went wrong."""
    path = folder / "mutated" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(30)  # ends a process that waits forever without using processor time
        outcome = "it did not end"
        try:
            outcome = opened(path, len(content))
        except BaseException as error:  # any error is the result
            outcome = f"{type(error).__name__}: {error}"[:500]
        finally:
            os.write(writing, outcome.encode(errors="replace"))
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        outcome = pipe.read().decode()
    _, status, used = os.wait4(child, 0)
    seconds = used.ru_utime + used.ru_stime
    if status != 0:
        return f"it ended with status {status}"
    return outcome if seconds < SECONDS else f"{seconds:.1f} s of processor time"


def opened(path: Path, size: int) -> str:
    """Open the file as the commands do; return `loads` or `refused`.

    This limits the memory of the process.
    """
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    memory = pages * resource.getpagesize() + BASE_MEMORY + 4 * size
    if path.suffix not in (
        ".h5",
        ".keras",
    ):  # these are read in another process, which has its own limits
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    try:
        open_and_look(path)
    except UserError as error:
        return "refused" if "\n" not in str(error) else f"no sentence: {error}"
    return "loads"


def open_and_look(path: Path) -> None:
    """Open the file, whose name says of which kind it is, and use every part of the result."""
    match path.name:
        case "experiment.json":
            experiment = read_experiment(path)
            assert type(experiment).from_json(experiment.to_json()) == experiment
        case "latest.safetensors":
            read_checkpoint(path).to_bytes()  # this reads every number
        case "model.keras" | "model.h5" | "functional.h5":
            experiment, weights = read_weights(path)  # of the file's own network and training
            must_be_valid(experiment, weights)
            assert type(experiment).from_json(experiment.to_json()) == experiment
        case "torch.safetensors" | "keras2.h5" | "model.weights.h5":
            must_be_valid(*read_weights(path, experiment_of_the_files()))
        case "digit.png" | "digit.jpg":
            from cnn_experiment.look.own_digit import as_mnist  # loads SciPy
            from cnn_experiment.look.picture_file import read_grey

            digit = as_mnist(read_grey(path))
            assert (digit.shape, digit.dtype.name) == ((28, 28), "uint8")
        case _:
            root = path.parent / "root"
            put_among_mnist_files(path, root)
            read_mnist_files(root, sources=())


def put_among_mnist_files(path: Path, root: Path) -> None:
    """Move one of MNIST's files into a data folder with links to the valid ones."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        (raw / file.name).unlink(missing_ok=True)
        (raw / file.name).symlink_to(data_root() / "MNIST" / "raw" / file.name)
    path.replace(raw / path.name)


def must_be_valid(experiment: Experiment, weights: Variables) -> None:
    """Check the content of a model file, independently of the code that read it."""
    shapes = {name: array.shape for name, array in weights.items()}
    assert shapes == experiment.network.variable_shapes()
    for array in weights.values():
        assert array.dtype == experiment.dtype
        assert np.isfinite(array).all()
