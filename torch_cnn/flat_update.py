"""An optimizer base class that updates many parameters as one flat vector."""

import inspect
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, overload

import torch
from torch import Tensor
from torch.optim import Optimizer


class KerasOptimizer(Optimizer):
    """The base class of Keras' optimizers here: flat updates, and weight decay.

    The update rules are elementwise. So the parameters of a group can be updated together, as one
    long vector: the result is the same, but far fewer operations are needed. A step

    1. sorts the parameters of a group into sets that can share a vector (`_sets_to_join`);
    2. joins the gradients of a set into one vector;
    3. gets the state of the set as vectors: each *slot*, such as `velocity`, is one vector, and
       `self.state[parameter]["velocity"]` is a view into it (`_flat_slots`);
    4. computes the increment, also a vector, by the update rule of a subclass (`_increment`);
    5. subtracts from each parameter its part of the increment.
    """

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Do the same as `torch.optim.Optimizer`, without its wrapper for `torch.compile`.

        That wrapper loads the whole compiler, which costs each process a second or two and 150 MB.
        """
        inspect.unwrap(Optimizer.add_param_group)(self, param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Do the same as `torch.optim.Optimizer`, without that wrapper."""
        inspect.unwrap(Optimizer.zero_grad)(self, set_to_none)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update every parameter that has a gradient; return the loss of `closure`, if given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()

        for group in self.param_groups:
            for parameters in self._sets_to_join(group["params"]):
                gradient = torch.cat([p.grad.reshape(-1) for p in parameters if p.grad is not None])
                if group["weight_decay"] > 0:
                    flat = torch.cat([p.reshape(-1) for p in parameters])
                    gradient.add_(flat, alpha=group["weight_decay"])

                slots = self._flat_slots(parameters, self._slots(group), gradient)
                increment = self._increment(gradient, slots, parameters, group)
                torch._foreach_sub_(parameters, _views(parameters, increment))
        return loss

    @abstractmethod
    def _slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Return the names of the arrays that the optimizer keeps for each parameter."""

    @abstractmethod
    def _increment(
        self,
        gradient: Tensor,
        slots: dict[str, Tensor],
        parameters: list[Tensor],
        group: dict[str, Any],
    ) -> Tensor:
        """Update the slots in place; return what to subtract from the parameters.

        `gradient`, `slots` and the result are flat vectors over the `parameters`, in their order.
        `gradient` may be overwritten.
        """

    def _sets_to_join(self, parameters: Sequence[Tensor]) -> Iterable[list[Tensor]]:
        """Return the parameters that have a gradient, in sets of equal dtype, device and `step`.

        `step` is the number of updates made; Nadam and Adamax depend on it.
        """
        sets: dict[tuple[object, ...], list[Tensor]] = {}
        for parameter in parameters:
            if parameter.grad is None:
                continue
            if parameter.grad.is_sparse:
                name = type(self).__name__
                raise ValueError(f"{name} was given a sparse gradient; accepted: dense ones")
            count = self.state[parameter].get("step")
            sets.setdefault((parameter.dtype, parameter.device, count), []).append(parameter)
        return sets.values()

    def _flat_slots(
        self, parameters: list[Tensor], names: tuple[str, ...], like: Tensor
    ) -> dict[str, Tensor]:
        """Return a vector for each slot, as long as `like`; the parameters' states are its views.

        The vectors are kept from step to step, under the first parameter of the set. They are built
        again from the parameters' states if those are no longer views of the vector: at the first
        step, after `load_state_dict`, or if the set of parameters has changed.
        """
        # Not set in __init__, which copying and unpickling an optimizer skip.
        kept: dict[Tensor, dict[str, Tensor]] = self.__dict__.setdefault("_flats", {})
        vectors = kept.setdefault(parameters[0], {})

        for name in names:
            states = [self.state[parameter].get(name) for parameter in parameters]
            flat = vectors.get(name)
            if flat is None or flat.numel() != like.numel() or not _are_views(states, flat):
                # Join the states; a parameter without one starts with zeros.
                flat = vectors[name] = torch.cat(
                    [
                        torch.zeros_like(p).reshape(-1) if state is None else state.reshape(-1)
                        for p, state in zip(parameters, states, strict=True)
                    ]
                )
                for parameter, view in zip(parameters, _views(parameters, flat), strict=True):
                    self.state[parameter][name] = view
        return {name: vectors[name] for name in names}


def _views(parameters: Sequence[Tensor], flat: Tensor) -> list[Tensor]:
    """Return the parts of a flat vector that belong to the parameters, as views in their shapes."""
    parts = torch.split(flat, [parameter.numel() for parameter in parameters])
    return [part.view(p.shape) for part, p in zip(parts, parameters, strict=True)]


def _are_views(states: Sequence[Tensor | None], flat: Tensor) -> bool:
    """Whether the states are consecutive parts of the flat vector's memory, from its beginning."""
    address = flat.data_ptr()
    for state in states:
        if state is None or state.data_ptr() != address or not state.is_contiguous():
            return False
        address += state.numel() * state.element_size()
    return True
