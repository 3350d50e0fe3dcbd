"""What `TorchSide` accepts, checked before anything is computed."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

from parity_ladder.errors import LadderError
from parity_ladder.pairing import Pairs
from parity_ladder.pairing.torch_units import named_tensors


def must_be_a_port(
    module: object,
    step: object,
    optimizer: object,
    pairs: object,
    schedulers: tuple[Any, ...],
    dropout: str,
) -> None:
    """Raise `LadderError` for something that cannot be the port of a climb."""
    if not isinstance(module, nn.Module):
        raise LadderError(f"module is of type {type(module).__name__}; accepted: a torch nn.Module")
    if not callable(step):
        raise LadderError(
            f"step is of type {type(step).__name__}; accepted: the port's training step, a function"
        )
    if not isinstance(optimizer, Optimizer):
        raise LadderError(
            f"optimizer is of type {type(optimizer).__name__}; accepted: a torch.optim.Optimizer"
        )
    if not isinstance(pairs, Pairs):
        raise LadderError(
            f"pairs is of type {type(pairs).__name__}; accepted: what pair(keras_model, module)"
            " returns"
        )
    if pairs.module is not module:
        raise LadderError("pairs are of another module; accepted: pair(keras_model, module)")
    if any("lr" not in group for group in optimizer.param_groups):
        raise LadderError(
            f"{type(optimizer).__name__} has a parameter group without 'lr'; accepted: an optimizer"
            " whose groups have their learning rate, as those of torch.optim"
        )
    own = {id(tensor) for tensor in named_tensors(module).values()}
    held = [each for group in optimizer.param_groups for each in group["params"]]
    if others := [each for each in held if id(each) not in own]:
        raise LadderError(
            f"the optimizer has {len(others)} parameters that are no part of the module, the first"
            f" of shape {tuple(others[0].shape)}; accepted: parameters of the module"
        )
    for each in schedulers:
        if not (hasattr(each, "state_dict") and hasattr(each, "load_state_dict")):
            raise LadderError(
                f"scheduler is of type {type(each).__name__}; accepted: a scheduler of PyTorch, or"
                " anything with state_dict and load_state_dict"
            )
    if getattr(optimizer.step, "_wrapped_by_lr_sched", False) and not schedulers:
        raise LadderError(
            "the optimizer has a scheduler; accepted: TorchSide(..., scheduler=scheduler), without"
            " which its rate could not be put back to that of an earlier step"
        )
    if dropout not in {"shared", "off"}:
        raise LadderError(f"dropout = {dropout!r}: accepted: shared or off")


def must_be_options(state_names: object, epoch_metrics: object) -> None:
    """Raise `LadderError` for options of the wrong type."""
    is_mapping = isinstance(state_names, Mapping) and all(
        isinstance(each, str) for pair in state_names.items() for each in pair
    )
    if state_names is not None and not is_mapping:
        raise LadderError(
            f"state_names = {state_names!r}: accepted: a dict of names, such as"
            " {'speed': 'momentum'}"
        )
    if epoch_metrics is not None and not callable(epoch_metrics):
        raise LadderError(
            f"epoch_metrics is of type {type(epoch_metrics).__name__}; accepted: a function that"
            " gets what the steps of an epoch returned, and returns the metrics by name"
        )


def must_drop_alike(dropout: str, rates: Sequence[float], other: object) -> None:
    """Raise `LadderError` where dropout is off on one side alone, or hides a difference.

    `rates` are those of the port's dropouts. What is turned off is not compared, but which
    dropouts there are, and at which rates, is.
    """
    theirs = getattr(other, "dropout", dropout)
    if theirs != dropout:
        raise LadderError(
            f"dropout is {dropout!r} in the port, {theirs!r} in the reference; accepted: the same"
            " on both"
        )
    expected = getattr(other, "dropout_rates", None)
    if dropout == "off" and expected is not None and sorted(rates) != expected:
        raise LadderError(
            f"dropout is off, and the port drops values at the rates {sorted(rates)}, the reference"
            f" at {expected}; accepted: the same dropouts on both sides"
        )
