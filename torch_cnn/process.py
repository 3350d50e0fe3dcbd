"""Optional settings of the whole process: how it computes on a CPU, and on CUDA."""

import contextlib
import ctypes
import os

import torch
from joblib import cpu_count

from cnn_experiment.errors import UserError
from torch_cnn.ranks import are_several
from torch_cnn.shares import Shares

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of glibc's malloc.h
_LARGEST_MMAP_THRESHOLD = 32 * 2**20  # the largest that glibc accepts
_KEPT = 2**30
_MOST_SHARES = 4  # Python runs one thread at a time, so that many shares would wait for each other
_shares = Shares()
_threads: int | None = None  # as given to `set_threads`


def prepare_process() -> None:
    """Change settings of this process: a training step gets faster, and on CUDA it is exact.

    Call it once, before training. On a CPU, 2 and 3 can change how a result is rounded.

    1. Freed memory stays in the process. By default the C library glibc returns the large buffers
       of a step to the system, which must then clear hundreds or thousands of memory pages for the
       next step (`tests/test_step_cost.py` counts them). Other C libraries are not changed.
    2. Denormal numbers are treated as 0. The weights of dead units shrink to such numbers, below
       1e-38 in float32, and a processor computes slowly with them. It applies to the calling thread
       and to threads that start later: PyTorch's workers are among those, unless PyTorch has
       already computed something.
    3. Training and evaluation are shared among threads, as `set_threads` says. It is called with
       the number that it was given before; without one, with PyTorch's number of threads, but no
       more than the processors that this process may use, a container's quota included.
    4. CUDA computes as `exact_on_cuda` says.
    """
    torch.set_flush_denormal(True)
    set_threads(_threads or min(torch.get_num_threads(), cpu_count()))
    exact_on_cuda()
    with contextlib.suppress(AttributeError, OSError, TypeError):  # not glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        mallopt(_TRIM_THRESHOLD, _KEPT)


def exact_on_cuda() -> None:
    """Let CUDA compute float32 in float32, and the same in every run.

    By default PyTorch's convolutions on CUDA round their float32 inputs to TF32, whose fraction has
    10 bits instead of 23, and cuDNN may choose algorithms that add in another order in each run.
    """
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.deterministic = True


def set_threads(count: int) -> None:
    """Let training and evaluation on a CPU compute with `count` threads; it is never too late.

    Each of up to four threads computes a share of a batch (`torch_cnn.shares`). With more threads
    than shares, each share has several for each operation: 6 threads are 3 shares with 2 each. A
    rank (`torch_cnn.ranks`) has one share: call this after `torch.distributed` is initialised.
    PyTorch's own number, `torch.get_num_threads()`, becomes that of one share, for everything else
    in the process, too. Another number of threads adds gradients in another order, and so rounds
    them otherwise. Raises `UserError` for a count below 1.
    """
    global _shares, _threads
    if count < 1:
        raise UserError(f"threads = {count}: accepted: 1 or more")
    most = 1 if are_several() else _MOST_SHARES
    number = max(share for share in range(1, most + 1) if count % share == 0)
    torch.set_num_threads(count // number)
    _shares, _threads = Shares(number), count


def _share_anew() -> None:
    """Give a process that was forked threads of its own; it has none but the one that forked."""
    global _shares
    _shares = Shares(_shares.count)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_share_anew)


def shares_on(device: torch.device) -> Shares:
    """Return the threads that share a batch: on a CPU as `set_threads` says, elsewhere one."""
    return _shares if device.type == "cpu" else Shares()
