"""Tensors that say they are on a CUDA device and compute on the processor, for want of a device.

A `PretendCuda` holds an ordinary tensor with the values. It refuses what a CUDA tensor refuses: an
operation with a tensor that was left on the processor, and `.numpy()`. So whole trainings and
climbs run "on CUDA", and their results can be compared. CUDA's own arithmetic is not tested so.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

CUDA = torch.device("cuda", 0)


class PretendCuda(Tensor):
    """A tensor on the pretended device; `held` is the tensor with its values."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> "PretendCuda":
        """Take the tensor with the values."""
        made: PretendCuda = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=torch.device("meta"),  # which autograd knows without a driver
            requires_grad=held.requires_grad,
        )
        made.held = held
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        """The pretended device."""
        return CUDA

    @property
    def data(self) -> Tensor:
        """The values, without the history of gradients."""
        return self.detach()

    @data.setter
    def data(self, other: Tensor) -> None:
        assert isinstance(other, PretendCuda)
        Tensor.data.__set__(self, other)  # type: ignore[attr-defined]
        self.held = other.held

    def data_ptr(self) -> int:
        """Where the values are."""
        return self.held.data_ptr()

    def tolist(self) -> Any:
        """Copy the values to the processor, as every tensor does."""
        return self.held.tolist()

    def numpy(self, *, force: bool = False) -> Any:
        """Refuse, as a CUDA tensor does."""
        if not force:
            raise TypeError("can't convert a pretended CUDA tensor to numpy. Use Tensor.cpu()")
        return self.held.numpy()

    def __repr__(self) -> str:  # type: ignore[override]
        return f"PretendCuda({self.held})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, *_: Any, **__: Any) -> Any:  # type: ignore[override]
        """Refuse what the mode below does not see."""
        raise RuntimeError(f"{func}: a pretended tensor outside of `pretending_cuda`")


class _PretendingCuda(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Computes every operation where a CUDA device would."""

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        with self:
            # In inference mode operations arrive that are made of others, such as `to`.
            result = func.decompose(*args, **(kwargs or {}))
        return _computed(func, args, dict(kwargs or {})) if result is NotImplemented else result


def _computed(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Compute on the held tensors; the result is where a real CUDA device would have it."""
    tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
    ours = [each for each in tensors if isinstance(each, PretendCuda)]
    asked_for = kwargs.get("device")
    copies = func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
    if ours and not copies:
        for left in _left_on_the_processor(func, args, kwargs):
            raise RuntimeError(
                f"{func}: expected all tensors to be on the same device, but found one of shape"
                f" {tuple(left.shape)} on the CPU"
            )

    if asked_for is not None:
        kwargs["device"] = torch.device("cpu")
    on_cuda = bool(ours) if asked_for is None else torch.device(asked_for).type != "cpu"
    if func is torch.ops.aten.copy_.default:
        on_cuda = isinstance(args[0], PretendCuda)

    held_args, held_kwargs = tree_map_only(PretendCuda, lambda each: each.held, (args, kwargs))
    result = func(*held_args, **held_kwargs)
    if not on_cuda:
        return result
    wrappers = {id(each.held): each for each in ours}  # an operation in place returns its own

    def wrapped(held: Tensor) -> PretendCuda:
        own = wrappers.get(id(held))
        with torch.inference_mode(False):  # a view of a parameter must not be an inference tensor
            return PretendCuda(held) if own is None else own

    return tree_map_only(Tensor, wrapped, result)


def _left_on_the_processor(
    func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Iterator[Tensor]:
    """Yield tensors that CUDA would refuse beside its own.

    It takes a single number from the processor, unless that is written to or is one of a list.
    """
    names = [argument.name for argument in func._schema.arguments]
    is_written = {each.name: each.is_write for each in func._schema.arguments}
    for name, value in (*zip(names, args, strict=False), *kwargs.items()):
        for each in tree_leaves(value):
            if isinstance(each, Tensor) and not isinstance(each, PretendCuda):
                in_a_list = isinstance(value, list | tuple)
                if each.dim() > 0 or in_a_list or is_written[name]:
                    yield each


@contextmanager
def pretending_cuda() -> Iterator[None]:
    """Let `device="cuda"` give pretended tensors."""
    torch._C._ensureCUDADeviceGuardSet()  # so that choosing a device needs no driver, for good
    swapping = torch.__future__.get_swap_module_params_on_conversion()
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        with (
            mock.patch("torch.cuda.is_available", return_value=True),
            mock.patch("torch.cuda._lazy_init"),
            _PretendingCuda(),  # type: ignore[no-untyped-call]
        ):
            yield
    finally:
        torch.__future__.set_swap_module_params_on_conversion(swapping)
