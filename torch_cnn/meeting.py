"""How processes that `torchrun` has started find each other, and who of them tells what went wrong.

`torchrun` may start them several times (`--max-restarts`). Its store, through which they meet,
stays the same and still holds the addresses of those that have ended; and where there are several
machines, each counts its starts for itself. So each start agrees on a name of its own.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NamedTuple
from uuid import uuid4

import torch
import torch.distributed as dist
from torch.distributed import PrefixStore, Store  # type: ignore[attr-defined]
from torch.distributed.rendezvous import rendezvous

import torch_cnn
from cnn_experiment import UserError
from cnn_experiment.errors import sentence_of
from cnn_experiment.runs.keeper import RankLost
from torch_cnn.ranks import ended_ranks_as_errors

_SPOKEN = "spoken"
_MOMENT = 3.0
"""Seconds that another rank waits for rank 0 to tell of the same error."""


class Joined(NamedTuple):
    """A process that has met the others."""

    rank: int
    launch: str
    """The same in all starts by one `torchrun`, and in no other's."""


@contextmanager
def joined(device: str, latest_file: Path) -> Iterator[Joined]:
    """Join the other ranks; `latest_file` is where rank 0 saves the run's state.

    What goes wrong ends every rank with status 1, and one of them tells it in a sentence.
    """
    signal.signal(signal.SIGTERM, _to_error)
    shared, rank, count = next(rendezvous("env://"))
    launch: bytes = shared.compare_set("launch", "", uuid4().hex)
    early = PrefixStore(f"start {os.environ['TORCHELASTIC_RESTART_COUNT']}", shared)
    with _one_voice(early, rank, latest_file):
        store = PrefixStore(_name_of_this_start(shared, rank, count), shared)
    with _one_voice(store, rank, latest_file), ended_ranks_as_errors():
        is_cuda = torch_cnn.pick_device(device).type == "cuda"
        if is_cuda:
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        kinds = "cpu:gloo,cuda:nccl" if is_cuda else "gloo"
        dist.init_process_group(kinds, store=store, rank=rank, world_size=count)
    try:
        with _one_voice(store, rank, latest_file), ended_ranks_as_errors():
            yield Joined(rank, launch.decode())
    finally:
        dist.destroy_process_group()


def _name_of_this_start(store: Store, rank: int, count: int) -> str:
    """Return a name on which the ranks of this start agree, and which no other start has.

    Every other rank asks rank 0 for it under a name of its own. Rank 0 answers whoever has asked,
    also those of earlier starts, whom nobody hears, until all have thanked for this answer.
    """
    own = uuid4().hex
    if rank > 0:
        store.set(f"asked/{rank}", own)
        store.wait([f"answer/{own}"])
        name: str = store.get(f"answer/{own}").decode()
        store.set(f"{name}/thanks/{rank}", own)
        return name
    missing = set(range(1, count))
    while missing:
        for other in missing:
            if store.check([f"asked/{other}"]):
                store.set(f"answer/{store.get(f'asked/{other}').decode()}", own)
        missing = {other for other in missing if not store.check([f"{own}/thanks/{other}"])}
        time.sleep(_MOMENT / 100)
    return own


def _to_error(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise UserError(f"{signal.Signals(number).name}: the training was stopped")


@contextmanager
def _one_voice(store: Store, rank: int, latest_file: Path) -> Iterator[None]:
    """Let one rank tell what has gone wrong, and end each with status 1.

    It is the first that notices the end of another; of anything else, rank 0 if it notices, too.
    """
    # Once a rank has ended, torchrun sends SIGTERM to the others, which have something to say.
    try:
        yield
    except RankLost as error:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        kept = f"{latest_file} holds the run's latest state" if latest_file.exists() else ""
        _tell(f"{error}; {kept or 'its latest state is where rank 0 saves'}", store, within=0)
    except (UserError, OSError) as error:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sentence = sentence_of(error) if isinstance(error, OSError) else str(error)
        _tell(sentence, store, within=_MOMENT if rank > 0 else 0)


def _tell(sentence: str, store: Store, within: float) -> None:
    """Tell it unless another rank has spoken, or does within so many seconds; end the process."""
    until = time.monotonic() + within
    try:
        while not store.check([_SPOKEN]) and time.monotonic() < until:
            time.sleep(_MOMENT / 100)
        is_first = store.add(_SPOKEN, 1) == 1
    except RuntimeError:  # the store has ended with the process that held it
        is_first = True
    if is_first:
        sys.stderr.write(f"error: {sentence}\n")
    sys.exit(1)
