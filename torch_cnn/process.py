"""Optional settings of the whole process: how it computes on a CPU, and on CUDA."""

import contextlib
import ctypes

import torch
from joblib import cpu_count

from torch_cnn.shares import Shares

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of glibc's malloc.h
_LARGEST_MMAP_THRESHOLD = 32 * 2**20  # the largest that glibc accepts
_KEPT = 2**30
_MOST_SHARES = 4  # while a thread goes from one operation to the next, it holds Python's lock
_shares = Shares()


def prepare_process() -> None:
    """Change settings of this process: a training step gets faster, and on CUDA it is exact.

    Call it once, before training.

    1. Freed memory stays in the process. By default the C library glibc returns the large buffers
       of a step to the system, which must then clear hundreds or thousands of memory pages for the
       next step. On two busy cores a step of `article-3-addendum` took 60 to 71 ms with this
       setting and 121 to 181 ms without it (`tests/test_step_cost.py` counts the pages). Other C
       libraries are not changed.
    2. Denormal numbers are treated as 0. The weights of dead units shrink to such numbers, below
       1e-38 in float32, and a processor computes slowly with them. On a CPU, only this setting can
       change a result. It applies to the calling thread and to threads that start later: PyTorch's
       workers are among those, unless PyTorch has already computed something.
    3. The threads that PyTorch would use, but no more than the processors that this process may
       use, with a container's quota of their time, are used as `set_threads` says.
    4. CUDA computes as `exact_on_cuda` says.
    """
    torch.set_flush_denormal(True)
    set_threads(min(_shares.count * torch.get_num_threads(), cpu_count()))
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

    Each of up to four threads computes a share of a batch (`torch_cnn.shares`). With more, each
    share has several threads for each operation, `count` rounded down to a multiple of four.
    Another number of threads adds the gradients in another order, which rounds them otherwise.
    """
    global _shares
    number = min(count, _MOST_SHARES)
    torch.set_num_threads(count // number)
    _shares = Shares(number)


def shares_on(device: torch.device) -> Shares:
    """Return the threads that share a batch: on a CPU as `set_threads` says, elsewhere one."""
    return _shares if device.type == "cpu" else Shares()
