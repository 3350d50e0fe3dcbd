"""An optimizer base class that updates many parameters as one flat vector."""

import inspect
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, overload

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT

from keras_for_torch.optimizers.arithmetic import rounded
from keras_for_torch.optimizers.clipping import Joined, clip
from keras_for_torch.optimizers.occurrences import Occurrences
from keras_for_torch.optimizers.shared_settings import NO_SHARED, must_be_settings


class KerasOptimizer(Optimizer):
    """The base class of Keras' optimizers here: flat updates, weight decay and clipping.

    The update rules are elementwise. So the parameters of a group can be updated together, as one
    long vector: the result is the same, but far fewer operations are needed. A step

    1. sorts the parameters of each group into sets that can share a vector (`_sets_to_join`);
    2. joins the gradients of a set into one vector and adds coupled weight decay (`_joined`), then
       clips the vectors of all sets (`clip`);
    3. subtracts decoupled weight decay from the parameters (`_subtract_decay`);
    4. gets the state of a set as vectors: each *slot*, such as `velocity`, is one vector, and
       `self.state[parameter]["velocity"]` is a view into it (`_flat_slots`);
    5. computes the increment, also a vector, by the update rule of a subclass (`_increment`);
    6. subtracts from each parameter its part of the increment.

    A rule that depends on the number of the update counts those of each parameter, as PyTorch's
    own optimizers do. Keras counts those of the whole optimizer; the numbers differ for a parameter
    that had no gradient in some steps.
    """

    ranges: ClassVar[Mapping[str, str]] = {}
    """The accepted range of each setting that is the optimizer's own."""

    def __init__(
        self,
        params: ParamsT,
        own: Mapping[str, Any],
        shared: Mapping[str, Any],
        all_shared: Mapping[str, Any] = NO_SHARED,
    ) -> None:
        """Take the optimizer's own settings, and those given of all it shares with others."""
        defaults = {**own, **all_shared, **shared}
        for name in shared.keys() - all_shared.keys():
            known = ", ".join([*own, *all_shared])
            raise TypeError(f"{type(self).__name__} has no setting {name}; accepted: {known}")
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Do the same as `torch.optim.Optimizer`, without its wrapper for `torch.compile`.

        That wrapper loads the whole compiler, which costs each process a second or two and 150 MB.
        Raises `SettingError` for a setting of the group, or its default, that is not accepted.
        """
        must_be_settings({**self.defaults, **param_group}, self.ranges)
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

        joined = [
            self._joined(group, parameters)
            for group in self.param_groups
            for parameters in self._sets_to_join(group["params"])
        ]
        clip(joined)
        for group, parameters, gradient, occurrences in joined:
            self._subtract_decay(group, parameters)
            if occurrences is not None:
                gradient = occurrences.total()
            # Keras adds up the occurrences when it scales them by the norm of all gradients.
            self._occurrences = occurrences if group["global_clipnorm"] is None else None
            slots = self._flat_slots(parameters, self._slots(group), gradient)
            increment = self._increment(gradient, slots, parameters, group)
            torch._foreach_sub_(parameters, _views(parameters, increment))
        return loss

    _occurrences: Occurrences | None = None
    """The sparse gradient of the present update, if it is one."""

    def _squares(self, gradient: Tensor) -> Tensor:
        """Return the gradient's squares; of a sparse one, each occurrence's, added up."""
        there = self._occurrences
        return gradient.square() if there is None else there.squares()

    def _magnitudes(self, gradient: Tensor) -> Tensor:
        """Return the gradient's magnitudes; of a sparse one, each occurrence's, added up."""
        there = self._occurrences
        return gradient.abs() if there is None else there.magnitudes()

    @abstractmethod
    def _slots(self, group: dict[str, Any]) -> dict[str, float]:
        """Return the names of the arrays kept for each parameter, and what they are filled with."""

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

    def _decays(self, group: dict[str, Any]) -> tuple[float, float]:
        """Return the group's coupled and its decoupled weight decay."""
        return group["weight_decay"], group["decoupled_weight_decay"]

    def _count_update(self, parameters: list[Tensor]) -> int:
        """Return the number of this update, from 1, and keep it as `step` of each parameter."""
        step: int = self.state[parameters[0]].get("step", 0) + 1  # it is the same for all of them
        for parameter in parameters:
            self.state[parameter]["step"] = step
        return step

    def _sets_to_join(self, parameters: Sequence[Tensor]) -> Iterable[list[Tensor]]:
        """Return the parameters that have a gradient, in sets of equal dtype, device and `step`.

        `step` is the number of updates made; Adam and its relatives depend on it. A parameter with
        a sparse gradient is a set of its own.
        """
        sets: dict[tuple[object, ...], list[Tensor]] = {}
        for parameter in parameters:
            if parameter.grad is None:
                continue
            count = self.state[parameter].get("step")
            alone = id(parameter) if parameter.grad.is_sparse else None
            key = (parameter.dtype, parameter.device, count, alone)
            sets.setdefault(key, []).append(parameter)
        return sets.values()

    def _joined(self, group: dict[str, Any], parameters: list[Tensor]) -> Joined:
        """Return the gradients as one vector, with the group's coupled weight decay.

        With that decay, a sparse gradient becomes a dense one, as in Keras with an L2 penalty.
        """
        coupled, _ = self._decays(group)
        first = parameters[0]
        if first.grad is not None and first.grad.is_sparse and coupled == 0:
            occurrences = Occurrences(first, first.grad)
            return Joined(group, parameters, occurrences.rows.view(-1), occurrences)

        gradients = [p.grad for p in parameters if p.grad is not None]
        gradient = torch.cat([(g.to_dense() if g.is_sparse else g).reshape(-1) for g in gradients])
        if coupled > 0:
            torch._foreach_add_(_views(parameters, gradient), parameters, alpha=coupled)
        return Joined(group, parameters, gradient)

    def _subtract_decay(self, group: dict[str, Any], parameters: list[Tensor]) -> None:
        """Subtract the group's decoupled weight decay; Keras rounds it to float32."""
        _, decoupled = self._decays(group)
        if decoupled > 0:
            flat = torch.cat([p.reshape(-1) for p in parameters])
            flat.mul_(rounded(decoupled)).mul_(group["lr"])
            torch._foreach_sub_(parameters, _views(parameters, flat))

    def _flat_slots(
        self, parameters: list[Tensor], names: dict[str, float], like: Tensor
    ) -> dict[str, Tensor]:
        """Return a vector for each slot, as long as `like`; the parameters' states are its views.

        The vectors are kept from step to step, under the first parameter of the set. They are built
        again from the parameters' states if those are no longer views of the vector: at the first
        step, after `load_state_dict`, or if the set of parameters has changed.
        """
        # Not set in __init__, which copying and unpickling an optimizer skip.
        kept: dict[Tensor, dict[str, Tensor]] = self.__dict__.setdefault("_flats", {})
        vectors = kept.setdefault(parameters[0], {})

        for name, start in names.items():
            states = [self.state[parameter].get(name) for parameter in parameters]
            flat = vectors.get(name)
            if flat is None or flat.numel() != like.numel() or not _are_views(states, flat):
                # Join the states; a parameter without one starts with the slot's filling.
                flat = vectors[name] = torch.cat(
                    [
                        torch.full_like(p, start).reshape(-1)
                        if state is None
                        else state.reshape(-1)
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
