# ruff: noqa: D102 - the methods are described in `parity_ladder.Side`
"""Ports of the toy regression with one mistake each, and a catalogue of them.

The docstring of each class is the sentence of the known difference.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity_ladder import Arrays, Shapes, Side, State, Step
from tests.toy_regression import MOMENTUM, RATE, Batch, Regression, batches, with_weights


class OtherData(Regression):
    """The inputs are shifted."""

    def data(self) -> Arrays | None:
        return {"inputs": batches(1)[0].inputs + 1e-9}


class ShortBatchDropped(Regression):
    """The short batch is dropped."""

    def batches(self) -> Sequence[Sequence[NDArray[Any]]] | None:
        return [epoch[:1] for epoch in super().batches() or []]


class MoreUnits(Regression):
    """The kernel has a fourth row."""

    def variable_shapes(self) -> Shapes:
        return {"kernel": (4,), "bias": ()}


class OtherStart(Regression):
    """The bias starts at one."""

    def initial_state(self) -> State | None:
        weights = {"kernel": np.full(3, 0.1), "bias": np.ones(())}
        return replace(super().initial_state() or State({}, {}), weights=weights)


class OtherMomentumStart(Regression):
    """The momentum starts at one."""

    def initial_state(self) -> State | None:
        state = super().initial_state() or State({}, {})
        return replace(state, optimizer={n: a + 1.0 for n, a in state.optimizer.items()})


class BiasForgotten(Regression):
    """The bias is not added."""

    def outputs(self, weights: Arrays, batch: Batch) -> NDArray[Any]:
        return np.asarray(batch.inputs @ weights["kernel"])


class HalfPenalty(Regression):
    """The penalty is half as large."""

    def penalty(self, weights: Arrays) -> float:
        return super().penalty(weights) / 2


class HalfGradient(Regression):
    """The gradient is that of half the loss."""

    def gradients(self, weights: Arrays, batch: Batch) -> dict[str, NDArray[Any]]:
        return {n: np.asarray(g / 2) for n, g in super().gradients(weights, batch).items()}


class ConstantRate(Regression):
    """The learning rate does not decay."""

    def rate(self, iteration: int) -> float:  # noqa: ARG002
        return RATE


class RestartedRate(Regression):
    """The schedule starts again with each epoch."""

    def rate(self, iteration: int) -> float:
        return super().rate(iteration % 6)


class Dampened(Regression):
    """The momentum is dampened."""

    def velocity(self, old: NDArray[Any], gradient: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(MOMENTUM * old + (1 - MOMENTUM) * gradient)


class WeightsScaled(Regression):
    """The weights are scaled after the update."""

    def step(self, state: State, batch: Batch) -> Step:
        return with_weights(super().step(state, batch), 1 - 1e-9)


class LossSummed(Regression):
    """The reported loss is a sum."""

    def epoch_metrics(self, steps: Sequence[Step]) -> Mapping[str, float] | None:
        return {n: v * len(steps) for n, v in (super().epoch_metrics(steps) or {}).items()}


class Drifts(Regression):
    """The weights drift by less than a step's tolerance."""

    def step(self, state: State, batch: Batch) -> Step:
        return with_weights(super().step(state, batch), 1 + 1e-12)


class RaisesInItsStep(Regression):
    """The step raises."""

    def step(self, state: State, batch: Batch) -> Step:  # noqa: ARG002
        raise RuntimeError("shapes do not fit")


MISTAKES: dict[type[Regression], str] = {
    OtherData: "data",
    ShortBatchDropped: "batches",
    MoreUnits: "parameter counts and shapes",
    OtherStart: "initial weights",
    OtherMomentumStart: "initial optimizer state",
    BiasForgotten: "layer outputs",
    HalfPenalty: "penalty",
    HalfGradient: "gradients",
    ConstantRate: "learning rate",
    RestartedRate: "learning rate",
    Dampened: "optimizer state",
    WeightsScaled: "updated weights",
    LossSummed: "epoch metrics",
    Drifts: "trajectory",
}


@dataclass(frozen=True)
class Entry:
    """A known difference of the toy catalogue."""

    rung: str
    sentence: str


class Toys:
    """The mistakes above as known differences, and one that raises on every rung."""

    def __init__(self) -> None:
        ports: tuple[type[Regression], ...] = (*MISTAKES, RaisesInItsStep)
        self.classes = {port.__name__: port for port in ports}
        self.entries: dict[str, Entry] = {}
        for name, port in self.classes.items():
            sentence = inspect.getdoc(port) or ""
            self.entries[name] = Entry(MISTAKES.get(port, "gradients"), sentence)

    def port_with(self, names: Sequence[str]) -> Side[Batch]:
        bases = tuple(self.classes[name] for name in names)
        port: Regression = type("Planted", bases or (Regression,), {})()
        return port
