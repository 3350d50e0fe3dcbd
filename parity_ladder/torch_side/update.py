"""The update of a training step: its gradients and its learning rate, just before it is made."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.optim import Optimizer

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
        there = pairs.to_torch(gradients or {})
        return {name: array - decay.get(name, 0.0) for name, array in there.items()}

    clipped = {} if given is None else without_decay(given.clipped)

    def before(optimizer: Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG001
        update.count += 1
        for name, array in clipped.items():
            tensor = named_tensors(module)[name]
            values = torch.from_numpy(np.ascontiguousarray(array))
            tensor.grad = values.to(tensor.device, tensor.dtype)
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

    with ExitStack() as stack:
        stack.callback(optimizer.register_step_pre_hook(before).remove)
        if given is not None and given.gradients is not None:
            for hook in _replacing_gradients(module, watch, without_decay(given.gradients)):
                stack.callback(hook.remove)
        yield update


def _replacing_gradients(
    module: nn.Module, watch: Watch, gradients: Mapping[str, NDArray[Any]]
) -> Iterator[Any]:
    """Put each given gradient in the place of the one that the backward pass made."""
    for name, tensor in named_tensors(module).items():
        if name not in gradients or not tensor.requires_grad:
            continue
        values = torch.from_numpy(np.ascontiguousarray(gradients[name])).to(tensor.device)

        def put(parameter: torch.Tensor, values: torch.Tensor = values) -> None:
            parameter.grad = values.to(parameter.dtype).clone()
            watch.gradients[id(parameter)] = parameter.grad.clone()

        yield tensor.register_post_accumulate_grad_hook(put)  # type: ignore[no-untyped-call]
