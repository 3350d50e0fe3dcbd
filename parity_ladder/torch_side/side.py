"""Any PyTorch module with its own training step as the port of a climb."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from parity_ladder.batches import must_be_a_batch
from parity_ladder.dropout_masks import Dropout
from parity_ladder.errors import LadderError
from parity_ladder.pairing import Pairs
from parity_ladder.pairing.torch_units import named_modules, named_tensors
from parity_ladder.side import Arrays, Shapes, Side, State, Step, have_same_weights
from parity_ladder.torch_side.alignment import Alignment, align
from parity_ladder.torch_side.batches import as_tensors, detached, size_of
from parity_ladder.torch_side.borrowing import Borrowed, HasState, fused_rates
from parity_ladder.torch_side.chance import refusing_chance
from parity_ladder.torch_side.checks import must_be_a_port, must_be_options, must_drop_alike
from parity_ladder.torch_side.decay import added_decay, decay_penalty
from parity_ladder.torch_side.dropout import DropoutCalls
from parity_ladder.torch_side.given import Given
from parity_ladder.torch_side.optimizer_names import clips_by_itself
from parity_ladder.torch_side.optimizer_state import OptimizerState
from parity_ladder.torch_side.trial import as_trial, must_be_repeatable, randomised
from parity_ladder.torch_side.unpaired import (
    adapted,
    constants,
    must_stay,
    note_on_evaluation,
    notes_on,
)
from parity_ladder.torch_side.update import watching_the_update
from parity_ladder.torch_side.watching import Watch, dense, watching

Batch = tuple[Any, ...]
TrainingStep = Callable[..., Any]


class TorchSide(Side[Batch]):
    """Takes the port's own training step, and shows what it computes on its way.

    `step` is called with each part of a batch, `step(x, y)` or `step(x, y, sample_weight)`, as
    tensors in Keras' layout, on the module's device. It does what the port's training loop does for
    a batch: forward pass, loss, `backward`, clipping, one `optimizer.step()`, and the scheduler's
    step. What it calls `backward` on is its loss. If it returns a dict with `data loss` or
    `penalty`, these are compared, too.

    `scheduler` is a learning-rate scheduler, several of them, or whatever else changes from step to
    step and has a `state_dict`. `state_names` gives Keras' names of what an optimizer of your own
    keeps, such as `{"speed": "momentum"}`; those of PyTorch's are known. `epoch_metrics` makes the
    metrics that the port reports, by name, from what `step` returned for the batches of an epoch.

    The module computes in the dtype of the climb, with parameters and buffers of its own. They, the
    optimizer and the scheduler are put back afterwards.
    """

    def __init__(
        self,
        module: nn.Module,
        step: TrainingStep,
        optimizer: Optimizer,
        *,
        pairs: Pairs,
        scheduler: HasState | Sequence[HasState] = (),
        state_names: Mapping[str, str] | None = None,
        epoch_metrics: Callable[[Sequence[Any]], Mapping[str, float]] | None = None,
        dropout: Dropout = "shared",
    ) -> None:
        schedulers = tuple(scheduler) if isinstance(scheduler, Sequence) else (scheduler,)
        must_be_a_port(module, step, optimizer, pairs, schedulers, dropout)
        must_be_options(state_names, epoch_metrics)
        self.module, self.optimizer, self.pairs, self.dropout = module, optimizer, pairs, dropout
        self._training_step, self._metrics = step, epoch_metrics
        self._borrowed = Borrowed(module, optimizer, schedulers)
        self._names = {id(each): name for name, each in named_modules(module)}
        self._state = OptimizerState(optimizer, pairs, state_names or {})
        self._alignment = Alignment({}, {}, {})
        self._given: Given | None = None
        self._latest: tuple[State, Batch, Arrays] | None = None
        self._rates: list[float] = []
        """The rates of the dropouts in the latest step."""

    # What the ladder asks for

    def variable_shapes(self) -> Shapes:
        """Return the shapes of the module's own tensors, by Keras' names where they are paired."""
        shapes: dict[str, tuple[int, ...]] = {}
        for each in self.pairs.variables:
            name = each.theirs.name
            shapes[name] = self.pairs.shapes[name] if each.layout else each.shape_in_keras
        tensors = named_tensors(self.module)
        return shapes | {n: tuple(tensors[n].shape) for n in self.pairs.unpaired_ours}

    def must_be_a_port_of(self, reference: Side[Batch]) -> None:
        """Begin a climb; raise `LadderError` for pairs with another model's variables."""
        self._borrowed.begin()
        self._state.begin()
        names = reference.variable_shapes()
        if others := [name for name in self.pairs.shapes if name not in names]:
            raise LadderError(
                f"pairs are of another model, since the reference has no {others[0]}; accepted:"
                " pair(model, module) with the model of the reference, which has"
                f" {', '.join(names)}"
            )

    def optimizer_before_training(self) -> Arrays | None:
        """Return what the optimizer keeps before its first update, once a step has been tried."""
        return self._state.initial()

    def meet(self, other: Side[Batch], state: State, batch: Batch) -> None:
        """Try a step, and find the reference's layers among the outputs of the port."""
        must_be_a_batch(batch)
        state = state if self._given else randomised(state)
        theirs = other.layer_outputs(state, batch) or {}
        # Without dropout, so that a layer is found by its values.
        alone = as_trial(self)
        undropped = other.without_dropout() or other
        if undropped is not other:
            theirs = undropped.layer_outputs(state, batch) or {}
        if self._given is None:
            must_be_repeatable(alone, state, batch)
            self._state.must_be_known_to(state)
            must_drop_alike(self.dropout, [*alone._rates, *fused_rates(self.module)], other)
        show = getattr(undropped, "layer_calls", None)
        calls = show(state, batch) if show is not None else ()
        before = self._alignment.shown.keys()
        self._alignment = align(alone, self.pairs, theirs, calls, state, batch)
        if self._given is not None and self._given.layers & (self._alignment.shown.keys() - before):
            # A layer that is to be given was found just now: what follows on it can be found, too.
            alone._alignment = self._alignment
            self._alignment = align(alone, self.pairs, theirs, calls, state, batch)

    def step(self, state: State, batch: Batch) -> Step:
        """Load `state`, and take the port's own training step."""
        must_be_a_batch(batch)
        with self._on(state):
            settings = self._borrowed.settings_after(state.iteration)
            self._borrowed.load_settings(settings)
            if self._borrowed.adds_to_gradients:
                self._borrowed.load_gradients(self._borrowed.gradients_after(state.iteration))
            step, watch = self.watched_step(state, batch, frozenset(self._alignment.keys))
            self._borrowed.keep_settings(state.iteration + 1)
            if self._borrowed.adds_to_gradients:
                self._borrowed.keep_gradients(state.iteration + 1)
        self._latest = state, batch, self._alignment.outputs(watch)
        return step

    def layer_outputs(self, state: State, batch: Batch) -> Arrays:
        """Return the outputs that were found to be those of Keras' layers, in Keras' layout."""
        latest = self._latest
        if latest is None or not _is_same(latest, state, batch):
            self.step(state, batch)
            latest = self._latest
        return {} if latest is None else latest[2]

    def epoch_metrics(self, steps: Sequence[Step]) -> Mapping[str, float] | None:
        """Return the port's metrics, if it was told how to make them."""
        return None if self._metrics is None else self._metrics([s.returned for s in steps])

    @property
    def notes(self) -> tuple[str, ...]:
        """What has no counterpart, what was paired by activations, and what was not compared."""
        adds = self._borrowed.adds_to_gradients
        kept = (
            ("the step adds its gradients to those that the one before has left",) if adds else ()
        )
        return (*notes_on(self.pairs), *kept, note_on_evaluation(self.module, self._rates))

    def not_compared(self, rung: str) -> Mapping[str, str]:
        """Return what this port cannot show, with the reasons."""
        if rung == "layer outputs":
            return self._alignment.missing
        if rung == "parameter counts and shapes":
            return {**constants(self.pairs), **adapted(self.pairs)}
        if rung in {"statistics", "updated weights"}:
            return adapted(self.pairs)
        if rung == "optimizer state" and not self._state.has_count:
            return {"iteration": "the port's optimizer counts no updates"}
        return {}

    def without_dropout(self) -> "TorchSide":
        """Return this side with dropout turned off."""
        other = copy(self)
        other.dropout = "off"
        return other

    @property
    def dropout_rates(self) -> list[float]:
        """The rates of the calls of dropout in the latest step."""
        return self._rates

    @property
    def latest_rate(self) -> float | None:
        """The learning rate of the latest update; None before the first."""
        return self._state.rate

    @property
    def gets(self) -> Given | None:
        """What the port gets from the reference; None for a port as it is."""
        return self._given

    def explain(
        self,
        reference: Side[Batch],
        first: Any,
        evidence: Sequence[Any],
        steps_per_epoch: int,
        their_steps: Sequence[Step],
        our_steps: Sequence[Step],
    ) -> Sequence[Any] | None:
        """Return the known differences that explain a first difference."""
        from parity_ladder.keras_side import KerasSide

        if not isinstance(reference, KerasSide):
            return None
        from parity_ladder.known_differences.diagnosis import Search

        search = Search(self, reference, reference.dtype, evidence, steps_per_epoch)
        search.our_epoch = our_steps
        return search.causes(first, their_steps)

    def given(self, values: Given) -> "TorchSide":
        """Return this side with some of its values replaced by the reference's."""
        other = copy(self)
        other._given, other._latest = values, None
        return other

    def gradients_left(self, iteration: int) -> Arrays:
        """Return the gradients that were left after so many updates and are added to the next.

        Empty for a port that clears them, as it is to do.
        """
        left = self._borrowed.gradients_after(iteration)
        arrays = {
            name: _array(dense(left[id(tensor)]))
            for name, tensor in named_tensors(self.module).items()
            if id(tensor) in left
        }
        return self.pairs.to_keras(arrays, added=False)

    # One step

    @contextmanager
    def _on(self, state: State) -> Iterator[None]:
        """Borrow the module, in the dtype of the state, and load the state into it."""
        dtype = torch.float64 if _is_float64(state.weights) else torch.float32
        with self._borrowed.on(dtype, self.dropout):
            self._load(state)
            yield

    @torch.no_grad()
    def _load(self, state: State) -> None:
        tensors = named_tensors(self.module)
        for name, array in self.pairs.to_torch(state.weights).items():
            tensors[name].copy_(torch.from_numpy(np.array(array, order="C")))
        settings = self._borrowed.settings_after(max(state.iteration - 1, 0))
        rate = None if self._given is None else self._given.rate_before(state)
        self._state.load(state, settings, rate)

    def watched_step(
        self, state: State, batch: Batch, wanted: frozenset[str] | None
    ) -> tuple[Step, Watch]:
        """Take a step on the borrowed module; record the outputs `wanted`, or all for None."""
        given = None if self._given is None else self._given.values(state, batch)
        before = {n: _array(t) for n, t in named_tensors(self.module).items()}
        decay = added_decay(self.module, self.optimizer, before)
        handle = DropoutCalls(self.dropout, state.iteration, self._alignment.dropouts)
        replace = None if given is None else given.replacing(self._alignment)
        device = next(iter(named_tensors(self.module).values())).device
        tensors = [as_tensors(part, device) for part in batch]
        with (
            refusing_chance(),
            watching(
                self.module, self._names, wanted=wanted, call=handle.call, replace=replace
            ) as watch,
            watching_the_update(
                self.module, self.optimizer, watch, given, self.pairs, decay
            ) as update,
        ):
            returned = self._training_step(*tensors)
        update.must_be_one()
        watch.must_be_of_the_whole_batch()
        watch.dropouts = handle.keys
        self._rates = sorted(handle.rates)
        self._state.rate = update.rate

        after = {name: _array(tensor) for name, tensor in named_tensors(self.module).items()}
        must_stay(constants(self.pairs), before, after)
        weights = self.pairs.to_keras(after, added=True)
        weights |= {name: state.weights[name] for name in adapted(self.pairs)}
        trained = self.pairs.trainable
        raw = _plus(update.raw_gradients(watch), decay)
        clipped = _plus(update.gradients, decay)
        shown = returned if isinstance(returned, Mapping) else {}
        penalty = decay_penalty(self.module, self.optimizer, before)
        step = Step(
            state=State(weights, self._state.read(), self._state.iteration(state.iteration + 1)),
            loss=float(sum(watch.losses)) + penalty if watch.losses else None,
            data_loss=_number(shown.get("data loss")),
            penalty=_number(shown.get("penalty")),
            gradients=self._of(trained, raw),
            clipped_gradients=(
                None if clips_by_itself(self.optimizer) else self._of(trained, clipped)
            ),
            statistics={n: w for n, w in weights.items() if n not in trained} or None,
            learning_rate=update.rate,
            size=size_of(batch),
            returned=detached(returned),
        )
        return step, watch

    def _of(self, names: Sequence[str], arrays: Mapping[str, NDArray[Any]]) -> Arrays:
        there = self.pairs.to_keras(arrays, added=False)
        return {name: there[name] for name in names if name in there}


def _array(tensor: Tensor) -> NDArray[Any]:
    return np.array(tensor.detach().cpu().numpy())


def _plus(
    gradients: Mapping[str, NDArray[Any]], added: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    return {name: g + added[name] if name in added else g for name, g in gradients.items()}


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _is_float64(arrays: Arrays) -> bool:
    return any(array.dtype == np.float64 for array in arrays.values())


def _is_same(latest: tuple[State, Batch, Arrays], state: State, batch: Batch) -> bool:
    """Return whether the latest step was taken from this state with this batch."""
    before, its_batch, _ = latest
    return its_batch is batch and have_same_weights(state, before)
