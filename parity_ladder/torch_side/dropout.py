"""Dropout in a PyTorch module by the masks of the Keras layers that it corresponds to."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from parity_ladder.dropout_masks import Dropout, kept_values
from parity_ladder.errors import LadderError
from parity_ladder.pairing.activations import Axes

_BY_VALUE = (functional.dropout, torch.dropout)
_BY_CHANNEL = (functional.dropout1d, functional.dropout2d, functional.dropout3d)
_OTHERS = (functional.alpha_dropout, functional.feature_alpha_dropout)
DROPOUTS = (*_BY_VALUE, *_BY_CHANNEL)
NAMES = frozenset(each.__name__ for each in DROPOUTS)


class DropoutCalls:
    """Counts the calls of dropout in one step, and gives each its mask."""

    def __init__(
        self, mode: Dropout, iteration: int, layers: Mapping[int, tuple[str, Axes]]
    ) -> None:
        """`layers` are the Keras layer of each call of dropout, and the order of its axes."""
        self._mode, self._iteration, self._layers = mode, iteration, layers
        self.keys: list[str] = []
        """The keys of the calls that drop values, or would if dropout were not off."""
        self.rates: list[float] = []
        """The rates of these calls."""

    def call(
        self, key: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call a function of PyTorch, dropout in this side's way; `key` is that of the call."""
        if func is functional.scaled_dot_product_attention:
            return self._attention(func, args, kwargs)
        if func in _OTHERS and _settings(args, kwargs)[0] and self._mode == "shared":
            raise LadderError(
                f"{func.__name__} draws random numbers that Keras cannot draw alike; accepted:"
                " dropout as the only chance in a module"
            )
        if func not in DROPOUTS:
            return func(*args, **kwargs)
        rate, training = _settings(args, kwargs)
        inputs: Tensor = args[0] if args else kwargs["input"]
        if not training or rate == 0:
            return inputs * 1
        number = len(self.keys)
        self.keys.append(key)
        self.rates.append(rate)
        if self._mode == "off":
            return inputs * 1
        if number not in self._layers:
            raise LadderError(
                f"the port's dropout number {number + 1} corresponds to no Dropout of the model;"
                " accepted: a Dropout of the model at the same place, with the same axes, or"
                ' dropout="off" on both sides'
            )
        return inputs * (self._kept(number, inputs, rate, func in _BY_CHANNEL) * (1 / (1 - rate)))

    def _kept(self, number: int, inputs: Tensor, rate: float, by_channel: bool) -> Tensor:
        name, axes = self._layers[number]
        shape = (len(inputs) if axes.order[0] == 0 else axes.shape[0], *axes.shape[1:])
        drawn = (shape[0], *(1 for _ in shape[1:-1]), shape[-1]) if by_channel else shape
        kept = np.broadcast_to(kept_values(name, self._iteration, drawn, rate), shape)
        there = np.array(axes.to_port(kept, tuple(inputs.shape)))  # `kept` may be read-only
        return torch.from_numpy(there).to(inputs.device)

    def _attention(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        rate = args[4] if len(args) > 4 else kwargs.get("dropout_p", 0.0)
        if rate and self._mode == "shared":
            raise LadderError(
                "scaled_dot_product_attention drops values within one operation of PyTorch, where"
                " it cannot be given the same mask as Keras; accepted: dropout_p=0, or"
                ' dropout="off" on both sides'
            )
        if rate:
            args, kwargs = (*args[:4], 0.0, *args[5:]), {**kwargs, "dropout_p": 0.0}
            kwargs = {n: v for n, v in kwargs.items() if len(args) <= 4 or n != "dropout_p"}
        return func(*args, **kwargs)


def _settings(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[float, bool]:
    """Return the rate of a call of dropout, and whether it drops at all."""
    rate = args[1] if len(args) > 1 else kwargs.get("p", 0.5)
    training = args[2] if len(args) > 2 else kwargs.get("training", kwargs.get("train", True))
    return float(rate), bool(training)
