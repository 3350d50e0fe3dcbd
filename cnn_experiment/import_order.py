"""Keeps PyTorch and TensorFlow from crashing each other in one process.

PyTorch's CUDA build loads the compiler package triton when the first optimizer is made. Loaded
after TensorFlow, triton ends the process with a segmentation fault; loaded before, both work. (Seen
with torch 2.14.1, triton 3.8.0 and tensorflow 2.21.0.)
"""

import contextlib
import importlib
import sys


def settle_triton() -> None:
    """Load triton while that is still safe; where TensorFlow came first, mark triton as absent.

    PyTorch does without triton, except for `torch.compile` on a GPU: whoever needs that imports
    `torch_cnn` before keras or tensorflow.
    """
    if "triton" in sys.modules:
        return
    if "tensorflow" in sys.modules:
        sys.modules["triton"] = None  # type: ignore[assignment]  # how Python marks "do not import"
    else:
        with contextlib.suppress(ImportError):
            importlib.import_module("triton")
