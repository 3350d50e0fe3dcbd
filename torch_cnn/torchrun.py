"""What `twin-cnn train` does in a process that PyTorch's `torchrun` has started.

    torchrun --nproc-per-node 2 -m twin_cnn train --preset article-2 --out runs/article-2

The processes, called ranks, train one run together, each on its part of every batch. Rank 0 opens
the run's folder, shows the progress and saves; the others get the state to start from through the
network, and write nothing. Where `torchrun --max-restarts` starts them again, the run goes on from
its latest state.
"""

import argparse
import logging
import tempfile
from collections.abc import Callable
from copy import copy

import torch_cnn
from cnn_experiment import load_mnist, read_checkpoint
from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.runs.keeper import SignalKeeper
from cnn_experiment.runs.run_folder import RunFolder
from cnn_experiment.session import Session
from cnn_experiment.train_options import folder_of, session_of
from torch_cnn.meeting import joined
from torch_cnn.ranks import bytes_of_rank_0

_STARTED_BY = ".started_by"
"""The file in the run's folder that names the torchrun that has started the run."""


def train_together(options: argparse.Namespace, train: Callable[[Session], None]) -> None:
    """Train with the other ranks; `train` is called in rank 0, which has the run's session.

    Of what goes wrong from here on one rank alone tells, in one sentence.
    """
    with joined(options.device, RunFolder(folder_of(options)).latest_file) as (rank, launch):
        if rank == 0:
            _lead(options, launch, train)
        else:
            _follow(options)


def _lead(options: argparse.Namespace, launch: str, train: Callable[[Session], None]) -> None:
    """Open the run's folder, send the state in it to the other ranks, and train.

    A run that this `torchrun` has begun before is resumed.
    """
    folder = folder_of(options)
    mark = folder / _STARTED_BY
    if mark.is_file() and mark.read_text() == launch:
        if RunFolder(folder).weights_file.exists():
            bytes_of_rank_0(b"")
            logging.info("the run had finished before it was started again")
            return
        options = copy(options)
        options.resume, options.epochs, options.overwrite = folder, None, False
    with session_of(options) as session:
        write_atomically(mark, launch.encode())
        bytes_of_rank_0(session.folder.latest_file.read_bytes())
        train(session)


def _follow(options: argparse.Namespace) -> None:
    """Train from the state that rank 0 sends, and show nothing."""
    content = bytes_of_rank_0()
    if not content:
        return
    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
        file.write(content)
        file.flush()
        start = read_checkpoint(file.name)
    if options.threads is not None:
        torch_cnn.set_threads(options.threads)
    torch_cnn.prepare_process()
    digits = load_mnist(start.experiment, options.data_dir)
    with SignalKeeper() as keeper:
        torch_cnn.train(
            start.experiment,
            digits,
            device=options.device,
            keeper=keeper,
            start=start,
            compiled=options.compile,
        )
