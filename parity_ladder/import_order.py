"""Prevents a crash when PyTorch and TensorFlow are loaded in one process.

PyTorch's CUDA build loads the compiler package triton together with its own compiler, for example
when the first stock optimizer is created. If triton is loaded after TensorFlow, the process ends
with a segmentation fault. If it is loaded before TensorFlow, both work. (Seen with torch 2.14.1,
triton 3.8.0 and tensorflow 2.21.0.)
"""

import contextlib
import importlib
import sys
from importlib.abc import MetaPathFinder


def settle_triton() -> None:
    """Make sure that triton is never loaded after TensorFlow.

    If TensorFlow is not loaded yet, a later import of it loads triton first. If TensorFlow is
    already loaded, triton is marked as not importable. PyTorch works without triton, except for
    `torch.compile` on a GPU: import `parity_ladder` before keras or tensorflow if you need that.
    """
    if "triton" in sys.modules or _before_tensorflow in sys.meta_path:
        return
    if "tensorflow" in sys.modules:
        sys.modules["triton"] = None  # type: ignore[assignment]  # Python: "do not import"
    else:
        sys.meta_path.insert(0, _before_tensorflow)


class _TritonBeforeTensorFlow(MetaPathFinder):
    """An import hook: Python asks it about each new module, and it loads triton before TensorFlow.

    It does not load triton earlier, because triton takes 70 MB that training on the CPU never uses.
    """

    _loaded = False

    def find_spec(self, fullname: str, *_: object) -> None:
        """Return None, so that the import continues as usual."""
        if fullname == "tensorflow" and not self._loaded:
            self._loaded = True
            with contextlib.suppress(ImportError):
                importlib.import_module("triton")


_before_tensorflow = _TritonBeforeTensorFlow()
