"""How an elementwise optimizer updates many parameters as one vector."""

import inspect
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, overload

import torch
from torch import Tensor
from torch.optim import Optimizer


class KerasOptimizer(Optimizer):
    """What Keras' optimizers here share: one flat update for many parameters, and weight decay.

    An update is elementwise, so it is the same on one long vector as on each parameter, in far
    fewer operations. A parameter's state are views into such vectors.
    """

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As of any optimizer, but without the wrapper that keeps it out of `torch.compile`.

        That wrapper loads the whole compiler: a second or two, and 150 MB, for every process.
        """
        inspect.unwrap(Optimizer.add_param_group)(self, param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """As of any optimizer, without that wrapper."""
        inspect.unwrap(Optimizer.zero_grad)(self, set_to_none)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update every parameter that has a gradient; return the closure's loss, if any."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameters in self._alike(group["params"]):
                gradient = torch.cat([p.grad.reshape(-1) for p in parameters if p.grad is not None])
                if group["weight_decay"] > 0:
                    flat = torch.cat([p.reshape(-1) for p in parameters])
                    gradient.add_(flat, alpha=group["weight_decay"])
                slots = self._flat_slots(parameters, self._slots(group), gradient)
                increment = self._increment(gradient, slots, parameters, group)
                torch._foreach_sub_(parameters, _as(parameters, increment))
        return loss

    @abstractmethod
    def _slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Names of the arrays that are kept for each parameter."""

    @abstractmethod
    def _increment(
        self,
        gradient: Tensor,
        slots: dict[str, Tensor],
        parameters: list[Tensor],
        group: dict[str, Any],
    ) -> Tensor:
        """Update the slots, and return what is to be subtracted from the parameters; all flat."""

    def _alike(self, parameters: Sequence[Tensor]) -> Iterable[list[Tensor]]:
        """Parameters with gradients, together where dtype, device and count of updates agree."""
        found: dict[tuple[object, ...], list[Tensor]] = {}
        for parameter in parameters:
            if parameter.grad is None:
                continue
            if parameter.grad.is_sparse:
                name = type(self).__name__
                raise ValueError(f"{name} was given a sparse gradient; accepted: dense ones")
            count = self.state[parameter].get("step")
            found.setdefault((parameter.dtype, parameter.device, count), []).append(parameter)
        return found.values()

    def _flat_slots(
        self, parameters: list[Tensor], names: tuple[str, ...], like: Tensor
    ) -> dict[str, Tensor]:
        """The vectors that the parameters' state views, made anew where it was replaced."""
        found = {}
        flats: dict[Tensor, dict[str, Tensor]] = self.__dict__.setdefault("_flats", {})
        kept = flats.setdefault(parameters[0], {})
        for name in names:
            held = [self.state[parameter].get(name) for parameter in parameters]
            flat = kept.get(name)
            if flat is None or flat.numel() != like.numel() or not _are_views(held, flat):
                flat = kept[name] = torch.cat(
                    [
                        torch.zeros_like(p).reshape(-1) if value is None else value.reshape(-1)
                        for p, value in zip(parameters, held, strict=True)
                    ]
                )
                for parameter, view in zip(parameters, _as(parameters, flat), strict=True):
                    self.state[parameter][name] = view
            found[name] = flat
        return found


def _as(parameters: Sequence[Tensor], flat: Tensor) -> list[Tensor]:
    """Views of a flat vector in the parameters' shapes."""
    parts = torch.split(flat, [parameter.numel() for parameter in parameters])
    return [part.view(p.shape) for part, p in zip(parts, parameters, strict=True)]


def _are_views(held: Sequence[Tensor | None], flat: Tensor) -> bool:
    """Whether these tensors lie one behind the other in the flat vector."""
    begin = flat.data_ptr()
    for value in held:
        if value is None or value.data_ptr() != begin or not value.is_contiguous():
            return False
        begin += value.numel() * value.element_size()
    return True
