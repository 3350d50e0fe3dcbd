# ruff: noqa: D102 - the methods are described in `parity_ladder.Side`
"""A linear regression in NumPy, as a small side of the ladder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parity_ladder import Arrays, Result, RungResult, Shapes, Side, State, Step, climb

RATE, MOMENTUM, L2 = 0.1, 0.9, 0.01


class Batch(NamedTuple):
    """Inputs (samples, 3) and targets (samples,)."""

    inputs: NDArray[Any]
    targets: NDArray[Any]


def batches(count: int = 6, dtype: str = "float64") -> list[Batch]:
    source = np.random.RandomState(0)
    inputs = [source.normal(size=(4, 3)).astype(dtype) for _ in range(count)]
    return [Batch(x, (x @ [1.0, -2.0, 0.5] + 3.0).astype(dtype)) for x in inputs]


class Regression(Side[Batch]):
    """Fits `inputs @ kernel + bias` by SGD with momentum; a mistake is a method replaced."""

    dtype = "float64"

    def data(self) -> Arrays | None:
        return {"inputs": batches(1, self.dtype)[0].inputs}

    def batches(self) -> Sequence[Sequence[NDArray[Any]]] | None:
        return [[np.array([0, 1]), np.array([2])], [np.array([1, 2]), np.array([0])]]

    def variable_shapes(self) -> Shapes:
        return {"kernel": (3,), "bias": ()}

    def initial_state(self) -> State | None:
        weights = {"kernel": np.full(3, 0.1, self.dtype), "bias": np.zeros((), self.dtype)}
        zeros = {f"momentum/{name}": np.zeros_like(array) for name, array in weights.items()}
        return State(weights, zeros)

    def outputs(self, weights: Arrays, batch: Batch) -> NDArray[Any]:
        return np.asarray(batch.inputs @ weights["kernel"] + weights["bias"])

    def layer_outputs(self, state: State, batch: Batch) -> Arrays | None:
        return {"dense": self.outputs(state.weights, batch)}

    def penalty(self, weights: Arrays) -> float:
        return L2 * float((weights["kernel"] ** 2).sum())

    def gradients(self, weights: Arrays, batch: Batch) -> dict[str, NDArray[Any]]:
        error = 2 * (self.outputs(weights, batch) - batch.targets) / len(batch.targets)
        kernel = batch.inputs.T @ error + 2 * L2 * weights["kernel"]
        return {"kernel": kernel.astype(self.dtype), "bias": np.asarray(error.sum())}

    def rate(self, iteration: int) -> float:
        return RATE / (1 + 0.1 * iteration)

    def velocity(self, old: NDArray[Any], gradient: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(MOMENTUM * old + gradient).astype(self.dtype)

    def step(self, state: State, batch: Batch) -> Step:
        weights, gradients = state.weights, self.gradients(state.weights, batch)
        rate = self.rate(state.iteration)
        kept = {
            f"momentum/{name}": self.velocity(state.optimizer[f"momentum/{name}"], gradient)
            for name, gradient in gradients.items()
        }
        moved = {
            name: np.asarray(array - np.asarray(rate, self.dtype) * kept[f"momentum/{name}"])
            for name, array in weights.items()
        }
        error = self.outputs(weights, batch) - batch.targets
        return Step(
            State(moved, kept, state.iteration + 1),
            data_loss=float((error**2).mean()),
            penalty=self.penalty(weights),
            gradients=gradients,
            learning_rate=rate,
            size=len(batch.targets),
        )

    def epoch_metrics(self, steps: Sequence[Step]) -> Mapping[str, float] | None:
        return {"loss": sum((s.data_loss or 0) + (s.penalty or 0) for s in steps) / len(steps)}


def with_weights(step: Step, factor: float) -> Step:
    scaled = {name: np.asarray(array * factor) for name, array in step.state.weights.items()}
    return replace(step, state=replace(step.state, weights=scaled))


class ShowsOnly(Regression):
    """A sound port that shows what `shown` makes of each step."""

    def __init__(self, shown: Callable[[Step], Step]) -> None:
        self.shown = shown

    def step(self, state: State, batch: Batch) -> Step:
        return self.shown(super().step(state, batch))


class ShowsAsLittleAsPossible(Side[Batch]):
    """Shapes and updated weights: what a side has to show."""

    def variable_shapes(self) -> Shapes:
        return Regression().variable_shapes()

    def step(self, state: State, batch: Batch) -> Step:
        return Step(Regression().step(state, batch).state)


def climbed(port: Side[Batch], reference: Side[Batch] | None = None, **options: Any) -> Result:
    given: dict[str, Any] = {"next_epoch": batches(9)[6:], "show_progress": False} | options
    return climb(port, reference or Regression(), batches(), **given)


def outcome(result: Result, rung: str) -> RungResult:
    return next(each for each in result.rungs if each.rung == rung)


def failed(result: Result) -> list[str]:
    return [rung.rung for rung in result.rungs if rung.passed is False]
