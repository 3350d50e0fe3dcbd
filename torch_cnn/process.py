"""What the training step needs from the process as a whole; no result depends on it but denormals.

Both settings hold for everything that the process does from then on.
"""

import contextlib
import ctypes

import torch

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of glibc's malloc.h
_LARGEST_MMAP_THRESHOLD = 32 * 2**20  # glibc accepts no more
_KEPT = 2**30


def prepare_process() -> None:
    """Count denormals as 0, and keep freed memory for the next step.

    Dead units decay into denormals, numbers too small for normal form, which are slow to compute
    with. And by default the C library gives a step's large buffers back to the system, which then
    clears thousands of pages anew for the next step; where another C library than glibc is in use,
    that stays as it is.
    """
    torch.set_flush_denormal(True)
    with contextlib.suppress(AttributeError, OSError, TypeError):  # no glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        mallopt(_TRIM_THRESHOLD, _KEPT)
