"""A module and its optimizer for as long as a step of the climb takes, and then as they were."""

import copy
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from parity_ladder.dropout_masks import Dropout
from parity_ladder.errors import LadderError
from parity_ladder.pairing.torch_units import named_modules


class HasState(Protocol):
    """A scheduler, or anything else that is saved and loaded as PyTorch's schedulers are."""

    def state_dict(self) -> dict[str, Any]:
        """Return what changes from step to step."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from such a state."""


class Borrowed:
    """A module, its optimizer and what else a step changes."""

    def __init__(
        self, module: nn.Module, optimizer: Optimizer, schedulers: tuple[HasState, ...]
    ) -> None:
        self.module, self.optimizer, self.schedulers = module, optimizer, schedulers
        self.adds_to_gradients = False
        """Whether the step adds its gradients to those that the step before has left."""
        self._by_iteration: dict[int, Any] = {}
        self._left: dict[int, dict[int, Tensor]] = {}
        self.begin()

    def begin(self) -> None:
        """Begin a climb with the present settings."""
        self._first = self.settings()
        self._by_iteration.clear()
        self._left.clear()
        self._left[0] = {}

    def settings(self) -> Any:
        """Return the settings of the parameter groups and the state of the schedulers."""
        groups = [
            {name: copy.copy(value) for name, value in group.items() if name != "params"}
            for group in self.optimizer.param_groups
        ]
        return groups, [copy.deepcopy(each.state_dict()) for each in self.schedulers]

    def load_settings(self, settings: Any) -> None:
        """Go on from such settings."""
        groups, states = settings
        for group, values in zip(self.optimizer.param_groups, groups, strict=True):
            group.update(copy.deepcopy(values))
        for each, state in zip(self.schedulers, states, strict=True):
            each.load_state_dict(copy.deepcopy(state))

    def settings_after(self, iteration: int) -> Any:
        """Return the settings after so many updates: those that the climb has seen."""
        if iteration == 0:
            return self._first
        if iteration not in self._by_iteration:
            raise LadderError(
                f"the port was asked for update {iteration} before update {iteration - 1};"
                " accepted: a climb, which takes them in order"
            )
        return self._by_iteration[iteration]

    def keep_settings(self, iteration: int) -> None:
        """Keep the present settings as those after so many updates."""
        self._by_iteration.setdefault(iteration, self.settings())

    def gradients(self) -> dict[int, Tensor]:
        """Return the gradients that a step has left, by the `id` of the optimizer's parameter."""
        return {
            id(parameter): parameter.grad.detach().clone()
            for group in self.optimizer.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        }

    def load_gradients(self, gradients: Mapping[int, Tensor]) -> None:
        """Go on from such gradients."""
        for group in self.optimizer.param_groups:
            for parameter in group["params"]:
                if id(parameter) in gradients:
                    parameter.grad = gradients[id(parameter)].clone()

    def keep_gradients(self, iteration: int) -> None:
        """Keep the present gradients as those that are left after so many updates."""
        self._left.setdefault(iteration, self.gradients())

    def gradients_after(self, iteration: int) -> dict[int, Tensor]:
        """Return the gradients that were left after so many updates."""
        return self._left.get(iteration, {})

    @contextmanager
    def on(self, dtype: torch.dtype, dropout: Dropout) -> Iterator[None]:
        """Give the module tensors of its own in `dtype`, and put everything back at the end."""
        buffers: dict[int, Tensor] = {}
        with ExitStack() as stack:
            for name, each in named_modules(self.module):
                stack.callback(setattr, each, "training", each.training)
                for parameter in each.parameters(recurse=False):
                    stack.enter_context(_other_values(parameter, dtype))
                for buffer_name, buffer in each.named_buffers(recurse=False):
                    stack.callback(each._buffers.__setitem__, buffer_name, buffer)
                    if id(buffer) not in buffers:  # two modules may share one
                        buffers[id(buffer)] = _as(buffer, dtype).clone()
                    each._buffers[buffer_name] = buffers[id(buffer)]
                stack.enter_context(_dropout_within(name, each, dropout))
            stack.callback(self.load_settings, self.settings())
            stack.callback(setattr, self.optimizer, "state", self.optimizer.state)
            self.optimizer.state = defaultdict(dict)
            default = torch.get_default_dtype()
            stack.callback(torch.set_default_dtype, default)
            torch.set_default_dtype(dtype)
            stack.enter_context(torch.random.fork_rng(devices=[]))
            torch.default_generator.manual_seed(0)  # that of the CPU alone, which is put back
            yield


def _as(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


@contextmanager
def _other_values(parameter: nn.Parameter, dtype: torch.dtype) -> Iterator[None]:
    own, gradient = parameter.data, parameter.grad
    parameter.grad = None
    parameter.data = _as(own, dtype).clone()
    try:
        yield
    finally:
        parameter.grad = None
        parameter.data = own
        parameter.grad = gradient


def fused_rates(module: nn.Module) -> list[float]:
    """Return the rates of dropout that lies within one operation, where no mask can reach it."""
    return [
        float(each.dropout)
        for _, each in named_modules(module)
        if isinstance(each, nn.RNNBase | nn.MultiheadAttention) and each.dropout and each.training
    ]


@contextmanager
def _dropout_within(name: str, module: nn.Module, mode: Dropout) -> Iterator[None]:
    """Turn off dropout that no mask can reach, or refuse it."""
    rate = getattr(module, "dropout", 0.0)
    fused = isinstance(module, nn.RNNBase | nn.MultiheadAttention)
    if not fused or not isinstance(rate, float) or rate == 0 or not module.training:
        yield
        return
    if mode == "shared":
        raise LadderError(
            f"{name} ({type(module).__name__}) drops values within one operation of PyTorch, where"
            " it cannot be given the same mask as Keras; accepted: its dropout set to 0, or"
            ' dropout="off" on both sides'
        )
    setattr(module, "dropout", 0.0)  # noqa: B010 - mypy takes it for a tensor
    try:
        yield
    finally:
        setattr(module, "dropout", rate)  # noqa: B010
