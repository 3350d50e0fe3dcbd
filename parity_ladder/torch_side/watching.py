"""What a training step of PyTorch computes on its way: outputs, loss, gradients, rate.

Every call of a function of PyTorch is seen, be it in a module or not, by `TorchFunctionMode`; the
outputs of modules by a hook on all of them, in plain lists too.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook
from torch.overrides import TorchFunctionMode

from parity_ladder.errors import LadderError
from parity_ladder.torch_side.chance import must_have_no_generator

PASSED_ON = " passed on"
"""Ends the key of an output that also stands for a layer behind it, which the port leaves out."""
Replace = Callable[[str, Tensor], Tensor]
"""Gets the key of an operation and its output; returns what is passed on in its place."""


@dataclass
class Recorded:
    """The output of one operation."""

    key: str
    """The operation and how often it was called before, such as `conv2d#0` or `lstm#0[1]`."""
    array: NDArray[Any]
    came_from: frozenset[int]
    """The `id`s of the tensors that went in."""
    tensor: int
    """The `id` of the output."""
    has_gradient: bool
    """False for what was computed under `no_grad`."""


@dataclass
class Watch:
    """What was seen of one step."""

    wanted: frozenset[str] | None
    """The keys of the outputs to keep; None for all."""
    outputs: list[Recorded] = field(default_factory=list)
    losses: list[Tensor] = field(default_factory=list)
    """The tensors on which `backward` was called."""
    ends: set[int] = field(default_factory=set)
    """The `id`s of those tensors."""
    gradients: dict[int, Tensor] = field(default_factory=dict)
    """By the parameter's `id`: its gradient when the backward pass ended."""
    alive: list[Tensor] = field(default_factory=list)
    """Keeps the tensors, so that no `id` is used twice."""
    dropouts: Sequence[str] = ()
    """The keys of the calls of dropout that drop values, or would if dropout were not off."""
    was_called_again: bool = False
    """Whether a module was called after a backward pass, in training mode and with gradients."""

    def must_be_of_the_whole_batch(self) -> None:
        """Raise `LadderError` for a step that computes its loss part by part."""
        if self.was_called_again and len(self.losses) > 1:
            raise LadderError(
                f"the port computes its loss in {len(self.losses)} parts, with a backward pass"
                " after each; accepted: one forward pass of the whole batch before backward()"
            )

    def of_the_training(self) -> list[Recorded]:
        """Return the outputs but for those of an evaluation beside the training."""
        used = {id(each) for each in self.towards_the_loss()}
        return [each for each in self.outputs if each.has_gradient or id(each) in used]

    def towards_the_loss(self) -> list[Recorded]:
        """Return the outputs that the loss was made of, as far as the calls show it."""
        reached = set(self.ends)
        found = []
        for each in reversed(self.outputs):
            if each.tensor in reached:
                reached |= each.came_from
                found.append(each)
        return found[::-1]

    def by_key(self) -> dict[str, NDArray[Any]]:
        """Return the outputs by key."""
        return {each.key: each.array for each in self.outputs}


Handler = Callable[[str, Any, tuple[Any, ...], dict[str, Any]], Any]
"""Gets the key of a function and its arguments; calls it, or does something else in its place."""


class _Mode(TorchFunctionMode):
    """Passes each function to handlers and records what it returns."""

    def __init__(self, watch: Watch, call: Handler, replace: Replace | None) -> None:
        super().__init__()
        self._watch, self._call, self._replace = watch, call, replace
        self._counts: Counter[str] = Counter()
        self.is_over = False
        self.is_recording = False

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", str(func))
        if name == "backward":
            for loss in _tensors([args[0] if args else kwargs["tensors"]]):
                self._end(loss)
        if self.is_over or self.is_recording:  # the backward pass and the update, or this package
            return func(*args, **kwargs)
        must_have_no_generator(name, kwargs.get("generator"))
        result = self._call(f"{name}#{self._counts[name]}", func, args, kwargs)
        if name in {"__get__", "__set__", "detach", "clone"}:
            return result
        return self.record(name, result, (args, kwargs))

    def _end(self, loss: Tensor) -> None:
        """Keep what the backward pass begins at."""
        if loss.numel() != 1:
            raise LadderError(
                f"the port calls backward() on a tensor of shape {tuple(loss.shape)}; accepted: its"
                " loss, a single number"
            )
        self._watch.losses.append(loss.detach().clone())
        self._watch.ends.add(id(loss))
        self._watch.alive.append(loss)
        self.is_over = True

    def record(self, name: str, result: Any, inputs: Any) -> Any:
        """Record the floating-point tensors of a result, and return it with replacements."""
        number = self._counts[name]
        self._counts[name] += 1
        if isinstance(result, Tensor):
            return self._record_one(f"{name}#{number}", result, inputs)
        if isinstance(result, tuple) and any(isinstance(each, Tensor) for each in result):
            parts = [
                self._record_one(f"{name}#{number}[{place}]", part, inputs)
                if isinstance(part, Tensor)
                else part
                for place, part in enumerate(result)
            ]
            if hasattr(result, "n_fields"):  # what PyTorch returns, such as `torch.max(x, 1)`
                return type(result)(parts)
            return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
        return result

    def _record_one(self, key: str, tensor: Tensor, inputs: Any) -> Tensor:
        if not tensor.is_floating_point():
            return tensor
        if tensor.dtype not in {torch.float64, torch.float32}:
            raise LadderError(
                f"the port computes {key.partition('#')[0]} in {tensor.dtype}; accepted: float64 or"
                " float32, so a step without autocast"
            )
        if self._replace is not None:
            tensor = self._replace(key, tensor)
        watch = self._watch
        if watch.wanted is None or key in watch.wanted:
            sources = frozenset(id(each) for each in _tensors(inputs))
            array = np.array(tensor.detach().cpu().numpy())
            has_gradient = torch.is_grad_enabled()
            watch.outputs.append(Recorded(key, array, sources, id(tensor), has_gradient))
            watch.alive += [tensor, *_tensors(inputs)]
        return tensor if key.endswith(PASSED_ON) else self._passed_on(key, tensor)

    def _passed_on(self, key: str, tensor: Tensor) -> Tensor:
        """Record an output a second time, as that of an operation that the port leaves out."""
        key += PASSED_ON
        wanted = self._watch.wanted
        if wanted is not None:
            return self._record_one(key, tensor, (tensor,)) if key in wanted else tensor
        if self._replace is not None and self._replace(key, tensor) is not tensor:
            return self._record_one(key, tensor, (tensor,))
        return tensor


def dense(gradient: Tensor) -> Tensor:
    """Return a copy of a gradient; that of an embedding may be sparse."""
    gradient = gradient.detach()
    return gradient.to_dense() if gradient.is_sparse else gradient.clone()


def _tensors(value: Any) -> list[Tensor]:
    """Return the tensors within tuples, lists and dicts."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return []
    return [tensor for each in value for tensor in _tensors(each)]


@contextmanager
def watching(
    module: nn.Module,
    names: Mapping[int, str],
    *,
    wanted: frozenset[str] | None,
    call: Handler,
    replace: Replace | None = None,
) -> Iterator[Watch]:
    """Record one training step; `names` are those of the submodules by their `id`.

    `call` calls each function, or does something else in its place. `replace` may pass on another
    tensor than an operation's output.
    """
    watch = Watch(wanted)
    mode = _Mode(watch, call, replace)

    def seen(submodule: nn.Module, inputs: Any, output: Any) -> Any:
        if id(submodule) not in names:
            return output
        if mode.is_over and torch.is_grad_enabled() and submodule.training:
            watch.was_called_again = True
        if submodule is module or mode.is_over:
            return output
        mode.is_recording = True
        try:
            return mode.record(f"module {names[id(submodule)]}", output, inputs)
        finally:
            mode.is_recording = False

    def keep(parameter: Tensor) -> None:
        if parameter.grad is not None:
            watch.gradients[id(parameter)] = dense(parameter.grad)

    with ExitStack() as stack:
        hook = register_module_forward_hook(seen)
        stack.callback(hook.remove)
        for parameter in {id(p): p for p in _parameters(module)}.values():
            if parameter.requires_grad:
                hooked = parameter.register_post_accumulate_grad_hook(keep)  # type: ignore[no-untyped-call]
                stack.callback(hooked.remove)
        stack.enter_context(torch.enable_grad())
        stack.enter_context(mode)
        yield watch


def _parameters(module: nn.Module) -> Iterator[nn.Parameter]:
    from parity_ladder.pairing.torch_units import named_tensors

    for tensor in named_tensors(module).values():
        if isinstance(tensor, nn.Parameter):
            yield tensor
