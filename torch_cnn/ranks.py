"""Processes that train one network together, each on its part of every batch.

PyTorch calls such a process a rank, and numbers them from 0. They add up their gradients, so that
each makes the same update, that of the whole batch. A program in which `torch.distributed` is
initialised is one of them; in any other, there is one rank alone.
"""

import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from cnn_experiment import UserError
from cnn_experiment.runs.keeper import RankLost
from torch_cnn.model import CNN


def _of_none(images_nchw: Tensor) -> Tensor:
    raise NotImplementedError("one rank alone calls the model itself")


class _Logits(nn.Module):
    """The model with `logits` as its `forward`, which is what `DistributedDataParallel` calls."""

    def __init__(self, model: CNN) -> None:
        super().__init__()
        self.model = model

    def forward(self, images_nchw: Tensor) -> Tensor:
        return self.model.logits(images_nchw)


@dataclass(frozen=True)
class Ranks:
    """The ranks that train a model together, as one of them sees it; by default, one alone.

    All ranks must call each of its methods, but `part`, in the same order.
    """

    count: int = 1
    rank: int = 0
    logits: Callable[[Tensor], Tensor] = _of_none
    """The same as the model's `logits` for this rank's images.

    `backward` through it gives the mean of the ranks' gradients, whatever the sizes of their parts.
    """

    def part(self, length: int) -> slice:
        """Return which of a batch's images are this rank's: in the order of the ranks.

        The parts differ by at most one image; some are empty if there are more ranks than images.
        """
        return slice(*(length * rank // self.count for rank in (self.rank, self.rank + 1)))

    def begin_total(self, numbers: Tensor) -> Callable[[], Tensor]:
        """Begin to add up the ranks' numbers; what is returned waits for the sums."""
        adding = dist.all_reduce(numbers, async_op=True) if self.count > 1 else None

        def total() -> Tensor:
            if adding is not None:
                adding.wait()
            return numbers

        return total

    def largest(self, number: int) -> int:
        """Return the largest of the ranks' numbers."""
        if self.count == 1:
            return number
        agreed = torch.tensor(number)  # on the CPU: nothing waits for a GPU's work
        dist.all_reduce(agreed, dist.ReduceOp.MAX)
        return int(agreed)


ALONE = Ranks()


def must_agree(what: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raise `UserError` on all ranks unless all have the same arrays under the same names."""
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    number = int.from_bytes(digest.digest()[:7], "big")
    extremes = torch.tensor([number, -number])
    dist.all_reduce(extremes, dist.ReduceOp.MAX)
    if extremes[0] != -extremes[1]:
        raise UserError(f"{what}: accepted: the same in all processes that train together")


def are_several() -> bool:
    """Whether this program trains together with others."""
    return dist.is_initialized() and dist.get_world_size() > 1


def ranks_of(model: CNN) -> Ranks:
    """Return the ranks of this program, to train `model`, which must be the same in all."""
    if not are_several():
        return ALONE
    height, width, channels = model.experiment.network.input_shape
    none = torch.zeros(0, channels, height, width, dtype=model.dtype, device=model.device)
    with warnings.catch_warnings():
        # A kernel with one input channel has two layouts that are the same memory. PyTorch takes
        # them for different ones, and warns that a copy costs time.
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        logits = DistributedDataParallel(_Logits(model), init_sync=False)
        # After its first pass it puts the gradients in the order in which they came, which decides
        # how their sums are rounded. With a pass of no images before the first step, all steps have
        # that order, and a resumed run is the run that stayed.
        logits(none).sum().backward()
    return Ranks(dist.get_world_size(), dist.get_rank(), logits)


@contextmanager
def ended_ranks_as_errors() -> Iterator[None]:
    """Raise `RankLost` where the exchange with another rank fails, as it has ended."""
    try:
        yield
    except RuntimeError as error:
        of_gloo = "gloo" in str(error) or "onnection closed by peer" in str(error)
        if not (of_gloo or isinstance(error, dist.DistError)):
            raise
        raise RankLost("another process of this run has ended") from error


def bytes_of_rank_0(content: bytes = b"") -> bytes:
    """Send rank 0's `content` to all ranks; return it in each."""
    length = torch.tensor(len(content))
    dist.broadcast(length, src=0)
    data = torch.zeros(int(length), dtype=torch.uint8)
    if dist.get_rank() == 0 and content:
        data = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    dist.broadcast(data, src=0)
    return data.numpy().tobytes()
