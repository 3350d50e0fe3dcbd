"""The update of a training step: its gradients and its learning rate, just before it is made."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook

from parity_ladder.errors import LadderError
from parity_ladder.pairing import Pairs
from parity_ladder.pairing.torch_units import named_tensors
from parity_ladder.side import Arrays
from parity_ladder.torch_side.watching import Watch, dense

if TYPE_CHECKING:
    from parity_ladder.torch_side.given import Values


@dataclass
class Update:
    """What the optimizer got."""

    module: nn.Module
    count: int = 0
    rate: float | None = None
    gradients: dict[str, NDArray[Any]] = field(default_factory=dict)
    """By the tensor's name: the gradients as the optimizer got them."""

    def must_be_one(self) -> None:
        """Raise `LadderError` unless exactly one update was made."""
        if self.count != 1:
            raise LadderError(
                f"the port's step called optimizer.step() {self.count} times; accepted: once"
            )

    def raw_gradients(self, watch: Watch) -> dict[str, NDArray[Any]]:
        """Return the gradients as the backward pass left them, before any clipping."""
        raw = dict(self.gradients)
        for name, tensor in named_tensors(self.module).items():
            if id(tensor) in watch.gradients:
                raw[name] = np.array(watch.gradients[id(tensor)].cpu().numpy())
        return raw


@contextmanager
def watching_the_update(
    module: nn.Module,
    optimizer: Optimizer,
    watch: Watch,
    given: "Values | None",
    pairs: Pairs,
    decay: Mapping[str, NDArray[Any]],
) -> Iterator[Update]:
    """Record the update that is made meanwhile; its gradients and its rate may be `given`.

    `decay` is what the optimizer's weight decay will add to the gradients, by the tensor's name.
    """
    update = Update(module)

    def without_decay(gradients: Arrays | None) -> dict[str, NDArray[Any]]:
        there = pairs.to_torch(gradients or {}, added=False)
        return {name: array - decay.get(name, 0.0) for name, array in there.items()}

    gradients = {} if given is None else without_decay(given.gradients)
    clipped = {} if given is None else without_decay(given.clipped)
    rows = _by_tensor(pairs, {} if given is None else given.occurrences, decay)
    clipped_rows = _by_tensor(pairs, {} if given is None else given.clipped_occurrences, decay)

    def before(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if any(each is not None for each in (*args[1:], *kwargs.values())):
            raise LadderError(
                "the port gives optimizer.step() a closure; accepted: a step that calls backward()"
                " itself, and then optimizer.step() without one"
            )
        update.count += 1
        for name, tensor in named_tensors(module).items():  # what `backward` has not reached
            if name in gradients and tensor.requires_grad and id(tensor) not in watch.gradients:
                tensor.grad = _like_its_own(tensor, gradients[name], None)
                watch.gradients[id(tensor)] = dense(tensor.grad)
        for name, array in clipped.items():
            tensor = named_tensors(module)[name]
            tensor.grad = _like_its_own(tensor, array, clipped_rows.get(name))
        for name, tensor in named_tensors(module).items():
            if isinstance(tensor, nn.Parameter):
                gradient = torch.zeros_like(tensor) if tensor.grad is None else dense(tensor.grad)
                update.gradients[name] = np.array(gradient.detach().cpu().numpy())
        if given is not None and given.rate is not None:
            for group in optimizer.param_groups:
                group["lr"] = given.rate
        rate = float(optimizer.param_groups[0]["lr"])
        in_float32 = torch.get_default_dtype() == torch.float32
        update.rate = float(np.float32(rate)) if in_float32 else rate

    trained = {id(tensor) for tensor in named_tensors(module).values()}

    def must_be_the_only_one(other: Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG001
        held = (each for group in other.param_groups for each in group["params"])
        if other is not optimizer and any(id(each) in trained for each in held):
            raise LadderError(
                f"the port's step steps a second optimizer, {type(other).__name__}, on parameters"
                " of the module; accepted: one optimizer, which may have several parameter groups"
            )

    with ExitStack() as stack:
        stack.enter_context(_refusing_a_scaled_loss())
        stack.callback(register_optimizer_step_pre_hook(must_be_the_only_one).remove)
        stack.callback(optimizer.register_step_pre_hook(before).remove)
        if gradients:
            for hook in _replacing_gradients(module, watch, gradients, rows):
                stack.callback(hook.remove)
        yield update


@contextmanager
def _refusing_a_scaled_loss() -> Iterator[None]:
    """Raise `LadderError` in a step that scales its loss, since its gradients are not Keras'."""
    original = torch.amp.GradScaler.scale

    def scale(scaler: torch.amp.GradScaler, outputs: Any) -> Any:
        if scaler.is_enabled():
            raise LadderError(
                f"the port scales its loss by {scaler.get_scale():g} with a GradScaler; accepted: a"
                " step without scaling, so GradScaler(enabled=False)"
            )
        return original(scaler, outputs)

    with patch.object(torch.amp.GradScaler, "scale", scale):
        yield


def _by_tensor(
    pairs: Pairs, rows: Arrays, decay: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Return the rows of sparse gradients by the name of the tensor that they are whole for."""
    return {
        each.ours.name: rows[each.theirs.name]
        for each in pairs.variables
        if each.theirs.name in rows and each.ours.block is None and each.ours.name not in decay
    }


def _like_its_own(
    parameter: torch.Tensor, gradient: NDArray[Any], rows: NDArray[Any] | None
) -> torch.Tensor:
    """Return a given gradient, as sparse as the parameter's own: Keras' rows with its tokens."""
    own = parameter.grad
    if rows is not None and own is not None and own.is_sparse and own._nnz() == len(rows):
        values = torch.from_numpy(np.array(rows)).to(parameter.device, parameter.dtype)
        tokens = own._indices()
        return torch.sparse_coo_tensor(tokens, values, own.shape, check_invariants=True)
    values = torch.from_numpy(np.array(gradient))
    return values.to(parameter.device, parameter.dtype)


def _replacing_gradients(
    module: nn.Module,
    watch: Watch,
    gradients: Mapping[str, NDArray[Any]],
    rows: Mapping[str, NDArray[Any]],
) -> Iterator[Any]:
    """Put each given gradient in the place of the one that the backward pass made."""
    for name, tensor in named_tensors(module).items():
        if name not in gradients or not tensor.requires_grad:
            continue

        def put(parameter: torch.Tensor, name: str = name) -> None:
            parameter.grad = _like_its_own(parameter, gradients[name], rows.get(name))
            watch.gradients[id(parameter)] = dense(parameter.grad)

        yield tensor.register_post_accumulate_grad_hook(put)  # type: ignore[no-untyped-call]
