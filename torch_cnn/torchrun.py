"""What `twin-cnn train` does in a process that PyTorch's `torchrun` has started.

    torchrun --nproc-per-node 2 -m twin_cnn train --preset article-2 --out runs/article-2

The processes, called ranks, train one run together, each on its part of every batch. Rank 0 opens
the run's folder, shows the progress and saves; the others get the state to start from through the
network, and write nothing. Where `torchrun --max-restarts` starts them again, the run goes on from
its latest state.
"""

import argparse
import logging
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy

import torch
import torch.distributed as dist
from torch.distributed import PrefixStore, Store  # type: ignore[attr-defined]
from torch.distributed.rendezvous import rendezvous

import torch_cnn
from cnn_experiment import UserError, load_mnist, read_checkpoint
from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.runs.keeper import RankLost, SignalKeeper
from cnn_experiment.runs.run_folder import RunFolder
from cnn_experiment.session import Session
from cnn_experiment.train_options import folder_of, session_of
from torch_cnn.ranks import bytes_of_rank_0, ended_ranks_as_errors

_STARTED_BY = ".started_by"
"""The file in the run's folder that says which torchrun has started it."""
_SPOKEN = "spoken"
_MOMENT = 3.0
"""Seconds for which rank 0 may be silent."""


def train_together(options: argparse.Namespace, train: Callable[[Session], None]) -> None:
    """Train with the other ranks; `train` is called in rank 0, which has the run's session.

    Of what goes wrong one rank alone tells, in one sentence.
    """
    with _joined(options) as rank:
        if rank == 0:
            _lead(options, train)
        else:
            _follow(options)


@contextmanager
def _joined(options: argparse.Namespace) -> Iterator[int]:
    """Join the other ranks; yield this one's number."""
    shared, rank, count = next(rendezvous("env://"))
    # After a start anew the store still holds the addresses of the processes that have ended.
    store = PrefixStore(f"start {os.environ['TORCHELASTIC_RESTART_COUNT']}", shared)
    with _one_voice(store, rank, options):
        is_cuda = torch_cnn.pick_device(options.device).type == "cuda"
    if is_cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    kinds = "cpu:gloo,cuda:nccl" if is_cuda else "gloo"
    dist.init_process_group(kinds, store=store, rank=rank, world_size=count)
    try:
        with _one_voice(store, rank, options), ended_ranks_as_errors():
            yield rank
    finally:
        dist.destroy_process_group()


@contextmanager
def _one_voice(store: Store, rank: int, options: argparse.Namespace) -> Iterator[None]:
    """Let one rank tell what has gone wrong, and end each with status 1.

    It is the first that notices the end of another; of anything else, rank 0 if it notices, too.
    """
    # Once a rank has ended, torchrun sends SIGTERM to the others, which have something to say.
    try:
        yield
    except RankLost as error:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if _speaks(store, within=0):
            file = RunFolder(folder_of(options)).latest_file
            sys.stderr.write(f"error: {error}; {file} holds the run's latest state\n")
        sys.exit(1)
    except UserError as error:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if _speaks(store, within=_MOMENT if rank > 0 else 0):
            sys.stderr.write(f"error: {error}\n")
        sys.exit(1)


def _speaks(store: Store, within: float) -> bool:
    """Return whether no other rank has spoken, nor does within so many seconds."""
    until = time.monotonic() + within
    try:
        while not store.check([_SPOKEN]) and time.monotonic() < until:
            time.sleep(_MOMENT / 100)
        return bool(store.add(_SPOKEN, 1) == 1)
    except RuntimeError:  # the store has ended with the process that held it
        return True


def _lead(options: argparse.Namespace, train: Callable[[Session], None]) -> None:
    """Open the run's folder, send the state in it to the other ranks, and train."""
    if _is_started_again(options) and RunFolder(folder_of(options)).weights_file.exists():
        bytes_of_rank_0(b"")
        logging.info("the run had finished before it was started again")
        return
    with session_of(_for_this_start(options)) as session:
        if session.backend_name != "torch":
            raise UserError(
                f"backend = {session.backend_name!r}: torchrun starts PyTorch's processes;"
                " accepted: torch"
            )
        write_atomically(session.folder.path / _STARTED_BY, _launch().encode())
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


def _launch() -> str:
    """Return what is the same in all starts by one torchrun, and in no other's."""
    return f"{os.environ['TORCHELASTIC_RUN_ID']} on {socket.gethostname()}, {os.getppid()}\n"


def _is_started_again(options: argparse.Namespace) -> bool:
    """Whether this torchrun has begun the run in the folder before."""
    file = folder_of(options) / _STARTED_BY
    is_again = os.environ["TORCHELASTIC_RESTART_COUNT"] != "0"
    return is_again and file.is_file() and file.read_text() == _launch()


def _for_this_start(options: argparse.Namespace) -> argparse.Namespace:
    """Return the options; for a run that is started again, those that resume it."""
    if not _is_started_again(options):
        return options
    again = copy(options)
    again.resume, again.epochs, again.overwrite = folder_of(options), None, False
    return again
