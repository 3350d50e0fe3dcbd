"""Keeps PyTorch and TensorFlow from crashing each other in one process.

PyTorch's CUDA build loads the compiler package triton with its own compiler, which the first stock
optimizer does. Loaded after TensorFlow, triton ends the process with a segmentation fault; loaded
before, both work. (Seen with torch 2.14.1, triton 3.8.0 and tensorflow 2.21.0.)
"""

import contextlib
import importlib
import sys
from importlib.abc import MetaPathFinder


def settle_triton() -> None:
    """See to it that TensorFlow, if it is ever imported, finds triton loaded or marked as absent.

    Where TensorFlow came first, triton is marked: PyTorch does without it, except for
    `torch.compile` on a GPU. Whoever needs that imports `torch_cnn` before keras or tensorflow.
    """
    if "triton" in sys.modules or _before_tensorflow in sys.meta_path:
        return
    if "tensorflow" in sys.modules:
        sys.modules["triton"] = None  # type: ignore[assignment]  # how Python marks "do not import"
    else:
        sys.meta_path.insert(0, _before_tensorflow)


class _TritonBeforeTensorFlow(MetaPathFinder):
    """Is asked where each new module is; loads triton when TensorFlow's turn has come.

    Not earlier: triton is 70 MB that training on the CPU has no use for.
    """

    _loaded = False

    def find_spec(self, fullname: str, *_: object) -> None:
        """Find nothing, so that the import goes on as usual."""
        if fullname == "tensorflow" and not self._loaded:
            self._loaded = True
            with contextlib.suppress(ImportError):
                importlib.import_module("triton")


_before_tensorflow = _TritonBeforeTensorFlow()
