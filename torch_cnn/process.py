"""What the training step needs from the process as a whole; only denormals change a result."""

import contextlib
import ctypes

import torch

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of glibc's malloc.h
_LARGEST_MMAP_THRESHOLD = 32 * 2**20  # glibc accepts no more
_KEPT = 2**30


def prepare_process() -> None:
    """Count denormals as 0, and keep freed memory for the next step.

    Dead units decay into denormals, numbers too small for normal form, which are slow to compute
    with. That holds for this thread and those started from now on, which PyTorch's workers are
    unless something was computed before.

    By default the C library gives a step's large buffers back to the system, which then clears
    thousands of pages anew for the next step; where it is another one than glibc, it still does.
    """
    torch.set_flush_denormal(True)
    with contextlib.suppress(AttributeError, OSError, TypeError):  # no glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        mallopt(_TRIM_THRESHOLD, _KEPT)
