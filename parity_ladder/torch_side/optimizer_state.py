"""The state of a PyTorch optimizer, read and loaded by the names of Keras."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, optim

from parity_ladder.errors import LadderError
from parity_ladder.pairing import Pairs
from parity_ladder.pairing.torch_units import named_tensors
from parity_ladder.side import Arrays, State
from parity_ladder.torch_side.optimizer_names import (
    COUNT,
    COUNT_IN_KERAS,
    INITIAL,
    INITIAL_SETTINGS,
    NAMES,
    factor,
    keras_name,
)


class OptimizerState:
    """The state of a PyTorch optimizer, read and loaded by the names of Keras."""

    def __init__(
        self, optimizer: optim.Optimizer, pairs: Pairs, own_names: Mapping[str, str]
    ) -> None:
        """`own_names` are Keras' names of what an optimizer of one's own keeps."""
        self._optimizer, self._pairs, self._own_names = optimizer, pairs, own_names
        self.begin()
        self._kinds: dict[str, str] = {}
        """By PyTorch's name of a state: `array` in the parameter's shape, `number` or `tensor`."""
        self._is_read = False
        self._dtype: Any = np.dtype(np.float64)
        self.rate: float | None = None
        """The rate of the latest update; None for that of the parameter groups."""

    def begin(self) -> None:
        """Begin a climb with what the optimizer keeps now."""
        self._first = _copied(self._optimizer)

    def initial(self) -> Arrays | None:
        """Return the state before the first update; None until a step has been seen."""
        if not self._is_read and not self._first:
            return None
        found: dict[str, NDArray[Any]] = {"iteration": np.array(0)}
        dtype = self._dtype
        shapes = {n: self._pairs.shapes[n] for n in self._pairs.trainable}
        for name, kind in self._kinds.items():
            slot = self._keras_name(name)
            if kind == "array":
                first = self._first_arrays(name)
                setting = INITIAL_SETTINGS.get(slot, "")
                value = self._optimizer.param_groups[0].get(setting, 0.0)
                for variable, shape in shapes.items():
                    start = np.asarray(first.get(variable, np.full(shape, value)), dtype)
                    found[f"{slot}/{variable}"] = start
            elif not self._is_count(name):
                found[slot] = np.asarray(INITIAL.get(slot, 0.0), dtype)
        return found

    def must_be_known_to(self, state: State) -> None:
        """Raise `LadderError` for a state that goes by a name of the port's own, once it was read.

        `state` is one of the reference.
        """
        slots = dict.fromkeys(name.partition("/")[0] for name in state.optimizer)
        own = [
            name
            for name in self._kinds
            if not self._is_count(name) and self._keras_name(name) not in {*slots, *NAMES.values()}
        ]
        wrong = [
            n
            for n, slot in self._own_names.items()
            if n not in self._kinds or slot not in {*slots, COUNT_IN_KERAS}
        ]
        twice = len(set(self._own_names.values())) < len(self._own_names)
        if own or wrong or twice:
            theirs = [*slots, COUNT_IN_KERAS]
            raise LadderError(
                f"state_names = {dict(self._own_names)}: {type(self._optimizer).__name__} keeps"
                f" {', '.join(self._kinds) or 'nothing'}, the Keras optimizer {', '.join(theirs)};"
                " accepted: Keras' name of each state that has a name of its own, such as"
                " TorchSide(..., state_names={'speed': 'momentum'})"
            )

    def load(self, state: State, settings: Any, given: float | None = None) -> None:
        """Give the optimizer the state of Keras; `settings` are the groups of the latest update.

        `given` is the rate of the latest update, if it is not the one of its group.
        """
        self._dtype = np.dtype(str(torch.get_default_dtype()).removeprefix("torch."))
        if state.iteration == 0 and not self._first:
            return
        groups = settings[0]
        names = _names(self._pairs)
        for group, values in zip(self._optimizer.param_groups, groups, strict=True):
            rate = float(values["lr"]) if given is None else given
            for parameter in group["params"]:
                if id(parameter) in names:
                    self._load_one(parameter, names[id(parameter)], state, rate)

    def _load_one(self, parameter: Tensor, name: str, state: State, rate: float) -> None:
        kept = self._optimizer.state[parameter]
        for key, kind in self._kinds.items() or [(key, "array") for key in self._first_names]:
            slot = self._keras_name(key)
            if kind == "array":
                slots = {
                    variable: state.optimizer[f"{slot}/{variable}"]
                    for variable in self._pairs.trainable
                    if f"{slot}/{variable}" in state.optimizer
                }
                arrays = self._pairs.to_torch(slots, added=False)
                if name not in arrays:
                    continue
                scale = factor(self._optimizer, key, rate)
                values = arrays[name] / scale if scale else np.zeros_like(arrays[name])
                there = torch.from_numpy(np.array(values, order="C"))
                kept[key] = there.to(parameter.device, parameter.dtype)
            elif self._is_count(key):
                kept[key] = _like(kind, state.iteration)
            elif slot in state.optimizer:
                kept[key] = _like(kind, float(state.optimizer[slot]))
        if self._first and COUNT not in kept and COUNT in self._first_names:
            kept[COUNT] = torch.tensor(float(state.iteration))

    def read(self) -> Arrays:
        """Return the present state by Keras' names, in Keras' layout."""
        self._is_read = True
        names = _names(self._pairs)
        arrays: dict[str, dict[str, NDArray[Any]]] = {}
        numbers: dict[str, NDArray[Any]] = {}
        for group in self._optimizer.param_groups:
            rate = float(group["lr"]) if self.rate is None else self.rate
            for parameter in group["params"]:
                kept = self._optimizer.state.get(parameter, {})
                for key, value in kept.items():
                    kind = _kind(key, value, parameter)
                    if kind is None:
                        continue
                    if kind == "tensor" and value.numel() != 1:
                        raise LadderError(
                            f"{type(self._optimizer).__name__} keeps {key} of shape"
                            f" {tuple(value.shape)} for a parameter of shape"
                            f" {tuple(parameter.shape)}; accepted: an optimizer that keeps numbers,"
                            " and arrays in the parameter's shape"
                        )
                    self._kinds[key] = kind
                    slot = self._keras_name(key)
                    if kind != "array":
                        if not self._is_count(key):
                            numbers[slot] = np.asarray(float(value), self._dtype)
                    elif id(parameter) in names:
                        scale = factor(self._optimizer, key, rate)
                        array = np.array(value.detach().cpu().numpy())
                        arrays.setdefault(slot, {})[names[id(parameter)]] = scale * array
        found: dict[str, NDArray[Any]] = {}
        for slot, by_tensor in arrays.items():
            there = self._pairs.to_keras(by_tensor, added=False)
            for variable in self._pairs.trainable:
                if variable in there:
                    found[f"{slot}/{variable}"] = there[variable]
                else:
                    shape = self._pairs.shapes[variable]
                    found[f"{slot}/{variable}"] = np.zeros(shape, self._dtype)
        return found | numbers

    @property
    def has_count(self) -> bool:
        """Whether the optimizer was seen to count its updates."""
        return any(map(self._is_count, self._kinds))

    def iteration(self, expected: int) -> int:
        """Return the number of updates that the optimizer counts, if it counts them."""
        every = [each for kept in self._optimizer.state.values() for each in kept.items()]
        counts = [int(count) for key, count in every if self._is_count(key)]
        return max(counts) if counts else expected

    def _keras_name(self, name: str) -> str:
        return self._own_names.get(name) or keras_name(self._optimizer, name)

    def _is_count(self, name: str) -> bool:
        return name == COUNT or self._keras_name(name) == COUNT_IN_KERAS

    @property
    def _first_names(self) -> list[str]:
        return list(next(iter(self._first.values()), {}))

    def _first_arrays(self, key: str) -> dict[str, NDArray[Any]]:
        """Return a state that the optimizer made with itself, by Keras' names."""
        names = _names(self._pairs)
        arrays = {
            names[parameter]: np.array(kept[key].detach().cpu().numpy())
            for parameter, kept in self._first.items()
            if parameter in names and isinstance(kept.get(key), Tensor)
        }
        return self._pairs.to_keras(arrays, added=False)


def _names(pairs: Pairs) -> dict[int, str]:
    return {id(tensor): name for name, tensor in named_tensors(pairs.module).items()}


def _copied(optimizer: optim.Optimizer) -> dict[int, dict[str, Any]]:
    return {
        id(parameter): {
            key: value.detach().clone() if isinstance(value, Tensor) else value
            for key, value in kept.items()
        }
        for parameter, kept in optimizer.state.items()
        if kept
    }


def _kind(name: str, value: Any, parameter: Tensor) -> str | None:
    """Return what a state is: `array` of the parameter's shape, `tensor` of one value, `number`."""
    if isinstance(value, Tensor):
        is_array = value.shape == parameter.shape and (value.ndim or name != COUNT)
        return "array" if is_array else "tensor"
    return "number" if isinstance(value, int | float) else None


def _like(kind: str, value: float) -> Any:
    if kind == "tensor":
        return torch.tensor(float(value), dtype=torch.get_default_dtype())
    return value
