"""A compiled Keras model as the reference of a climb."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any, Self, get_args
from unittest.mock import patch

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from parity_ladder.batches import must_be_a_batch
from parity_ladder.dropout_masks import Dropout
from parity_ladder.keras_side.checks import must_be_climbable
from parity_ladder.keras_side.errors import errors_in_a_sentence
from parity_ladder.keras_side.exact_constants import Rounding, exact_constants
from parity_ladder.keras_side.in_graph import as_sparse, forward_pass, training_step
from parity_ladder.keras_side.latest_calls import LatestCalls
from parity_ladder.keras_side.metrics import metrics_of_an_epoch
from parity_ladder.keras_side.names import variable_names
from parity_ladder.keras_side.optimizer_state import fresh_copy, slots, without_decay
from parity_ladder.keras_side.precision import floatx, switch_to
from parity_ladder.keras_side.randomness import as_array, dropout_by_names
from parity_ladder.keras_side.saturated import noise_where_saturated
from parity_ladder.keras_side.watching import LayerCall
from parity_ladder.side import Arrays, Shapes, Side, State, Step, Update
from parity_ladder.tolerances import Precision
from parity_ladder.twins import moved_by_one_ulp

Batch = tuple[Any, ...]
"""`(x, y)` or `(x, y, sample_weight)` as `fit` takes them: arrays, or lists or dicts of arrays."""


class KerasSide(Side[Batch]):
    """Computes what `model.fit` computes, batch by batch, and shows every intermediate result.

    The model is built and compiled; its optimizer, schedule, clipping, loss, loss weights and
    metrics are read from it. It may have several inputs and outputs, and may be subclassed. A climb
    begins at the model's present weights, with an optimizer that has made no update. It computes in
    `dtype` with variables of its own, so the model keeps its weights and its dtype.

    Dropout drops the same values as the port does, or none with `dropout="off"`, which must be said
    on both sides.
    """

    def __init__(
        self, model: keras.Model, *, dtype: Precision = "float64", dropout: Dropout = "shared"
    ) -> None:
        must_be_climbable(model, dtype, dropout)
        self.model, self.dtype, self.dropout = model, dtype, dropout
        self._iteration = 0
        self._was_trained = bool(model.optimizer.built and int(model.optimizer.iterations))
        self._droppers: dict[str, float] = {}
        self._rounding: Rounding | None = None
        self._is_noisy = False
        self._twins: tuple[KerasSide, ...] = ()
        self._undropped: KerasSide | None = None
        self._was_called = False
        self._has_rows = True
        """Whether a gradient is sparse, as an embedding's is; known once a step was taken."""
        self.variables = variable_names(model)
        """The model's variables by their names, seeds left out."""
        self._names = {id(variable): name for name, variable in self.variables.items()}
        with floatx(dtype):
            self.optimizer = optimizer = fresh_copy(model.optimizer)
            excluded = without_decay(model)
            self._switch = switch_to(dtype, model, optimizer)
            with self._switch.on():
                if excluded:
                    optimizer.exclude_from_weight_decay(var_list=excluded)
                optimizer.build(model.trainable_variables)
                self._slots = slots(optimizer, self._names)
                self._start = self._state()
        self._compile()

    def _compile(self) -> None:
        """Forget what was computed with other settings, and compile with the present ones."""
        self._latest_calls = LatestCalls()
        settings = {"reduce_retracing": True, "autograph": False}
        # As a partial, a function is counted by itself: TensorFlow warns of "retracing" when one
        # method of several objects, thus of several climbs in a process, is compiled five times.
        self._compiled_step = tf.function(partial(self._graph_step), **settings)
        self._compiled_calls = tf.function(partial(self._graph_calls), **settings)

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """Put the model into the climb's dtype, with dropout under control."""
        with ExitStack() as stack:
            stack.enter_context(floatx(self.dtype))
            stack.enter_context(self._switch.on())
            stack.enter_context(
                dropout_by_names(self.dropout, lambda: self._iteration, self._droppers)
            )
            if self._rounding is not None:
                stack.enter_context(exact_constants(self.model, self._rounding))
                stack.enter_context(noise_where_saturated())
            stack.enter_context(errors_in_a_sentence(self.model))
            yield

    @contextmanager
    def at(self, state: State) -> Iterator[None]:
        """Put the model into the climb's dtype and into this state, with dropout under control."""
        with self._computing():
            self._load(state)
            yield

    def name_of(self, variable: keras.Variable) -> str:
        """Return the name of a variable of the model."""
        return self._names[id(variable)]

    # What the ladder asks for

    def variable_shapes(self) -> Shapes:
        """Return the shape of each variable of the model, seeds excepted."""
        return {name: tuple(v.shape) for name, v in self.variables.items()}

    def initial_state(self) -> State:
        """Return the model's weights and the optimizer's state, as they were when this was made."""
        return self._start

    def step(self, state: State, batch: Batch) -> Step:
        """Load `state` and make the update that `fit` makes with this batch.

        Raises `LadderError` for a batch that the model cannot compute with.
        """
        must_be_a_batch(batch)
        x, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
        with self.at(state):
            shown = self._compiled_step(*(self.tensors(each) for each in (x, y, weights)))
            shown = keras.tree.map_structure(as_array, shown)
            after = self._state()
        self._has_rows = bool(shown["tokens"])
        gradients = dict(zip(self.trained, shown["gradients"], strict=True))
        clipped = dict(zip(self.trained, shown["clipped"], strict=True))
        still = {n: a for n, a in after.weights.items() if n not in gradients}
        has_penalty = bool(shown["has_penalty"])
        return Step(
            state=after,
            data_loss=float(shown["data_loss"]),
            penalty=float(shown["penalty"]) if has_penalty else None,
            loss=float(shown["loss"]),
            gradients=gradients,
            clipped_gradients=clipped,
            statistics=still or None,
            learning_rate=float(shown["rate"]),
            size=len(keras.tree.flatten(x)[0]),
            returned=(y, shown["predictions"], weights),
        )

    def layer_outputs(self, state: State, batch: Batch) -> Arrays:
        """Return each layer's output in training mode, by the layer's name."""
        return {
            name: output
            for call in self.layer_calls(state, batch)
            for name, output in call.named_outputs().items()
        }

    def layer_calls(self, state: State, batch: Batch) -> list[LayerCall]:
        """Return each call of a layer in training mode, its inputs and outputs as arrays."""
        known = self._latest_calls.of(state, batch)
        if known is not None:
            return known
        x, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
        with self.at(state):
            values = self._compiled_calls(self.tensors(x))
            values = keras.tree.map_structure(as_array, values)
        calls = [
            LayerCall(call.name, call.layer, *arrays)
            for call, arrays in zip(self._calls, values, strict=True)
        ]
        self._latest_calls.keep(state, batch, calls)
        return calls

    def epoch_metrics(self, steps: Sequence[Step]) -> Mapping[str, float]:
        """Return the loss and the compiled metrics of an epoch, as `fit` reports them."""
        with self._computing():
            parts = ([self.tensors(each) for each in step.returned] for step in steps)
            losses = [(step.loss, step.size) for step in steps]
            return metrics_of_an_epoch(self.model, parts, losses, self.dtype)

    def occurrences(self, state: State, batch: Batch) -> tuple[Arrays, Arrays]:
        """Return the sparse gradients before and after clipping, by the variable's name.

        The gradient of an embedding is sparse: (occurrences, features), with a row for each
        occurrence of a token in the batch.
        """
        raw, clipped, _ = self._rows(state, batch)
        return raw, clipped

    def _rows(self, state: State, batch: Batch) -> tuple[Arrays, Arrays, Arrays]:
        """Return the rows of sparse gradients, before and after clipping, and their tokens."""
        if not self._has_rows:
            return {}, {}, {}
        parts = keras.utils.unpack_x_y_sample_weight(batch)
        with self.at(state):
            shown = self._compiled_step(*map(self.tensors, parts))
            shown = keras.tree.map_structure(as_array, shown)
        return *shown["occurrences"], shown["tokens"]

    @property
    def dropout_rates(self) -> list[float]:
        """The rates of all layers that drop values, or would if dropout were not off."""
        return sorted(self._droppers.values())

    def rounding_twins(self) -> "tuple[KerasSide, ...]":
        """Return this side with constants that Keras does not round to float32.

        First with all of them, then with fewer: in one of them, what several amount to may cancel.
        """
        if not self._twins:
            self._twins = tuple(self._rounded_as(each) for each in get_args(Rounding))
            for twin in self._twins:
                twin._compile()
        return self._twins

    def free_running_twin(self) -> "KerasSide":
        """Return this side with unrounded constants, and with noise in its gradients.

        A gradient that is zero in theory is nothing but noise, and Adam makes updates of it.
        """
        twin = self._rounded_as("nothing")
        twin._is_noisy = True
        twin._compile()
        return twin

    def _rounded_as(self, rounding: Rounding | None) -> "KerasSide":
        other = copy(self)
        other._rounding = rounding
        return other

    def updates_with(self, state: State, batch: Batch, step: Step) -> tuple[Update, ...]:
        """Return what the optimizer makes of given gradients, with rounded constants and unrounded.

        Those of embeddings have the rows of Keras' own, moved so that they add up to what is given.
        """
        is_clipped = step.clipped_gradients is not None
        dense = step.clipped_gradients if is_clipped else step.gradients
        if dense is None or any(name not in dense for name in self.trained):
            return ()
        raw, clipped, tokens = self._rows(state, batch)
        rows, rate = clipped if is_clipped else raw, step.learning_rate
        gradients = [as_sparse(dense[n], rows.get(n), tokens.get(n)) for n in self.trained]
        moved = moved_by_one_ulp(replace(state, weights=dense), seed=1).weights
        moved_gradients = [as_sparse(moved[n], rows.get(n), tokens.get(n)) for n in self.trained]
        near = moved_by_one_ulp(state, 0)
        return tuple(
            Update(
                side._updated(state, gradients, rate, clips=not is_clipped),
                side._updated(near, moved_gradients, rate, clips=not is_clipped),
            )
            for side in (self._rounded_as(None), self._rounded_as("nothing"))
        )

    def _updated(
        self, state: State, gradients: Sequence[Any], rate: float | None, *, clips: bool
    ) -> State:
        """Return the state after an update with these gradients, and this rate if there is one."""
        optimizer = self.optimizer
        with self.at(state), ExitStack() as stack:
            if rate is not None:
                fixed = tf.constant(rate, self.dtype)
                name = "_get_current_learning_rate"
                stack.enter_context(patch.object(type(optimizer), name, lambda _: fixed))
            if not clips:
                kept = patch.object(type(optimizer), "_clip_gradients", lambda _, grads: grads)
                stack.enter_context(kept)
            optimizer.apply(list(gradients), self.model.trainable_variables)
            return self._state()

    def without_dropout(self) -> "KerasSide":
        """Return this side with dropout turned off; itself if it was seen to have none."""
        if self.dropout == "off" or (self._was_called and not self._droppers):
            return self
        if self._undropped is None:
            self._undropped = copy(self)
            self._undropped.dropout = "off"
            self._undropped._compile()
        return self._undropped

    def in_dtype(self, dtype: Precision) -> Self:
        """Return a side of the same model that computes in `dtype`."""
        return type(self)(self.model, dtype=dtype, dropout=self.dropout)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the result must know about this side."""
        was_trained = self._was_trained
        begins = ("the model was trained before; the climb began with a new optimizer state",)
        if not self._droppers:
            return begins if was_trained else ()
        if self.dropout == "off":
            return ("dropout was turned off on both sides, so it was not compared",)
        return (
            "dropout dropped the same values on both sides; how they are drawn was not compared",
        )

    # Within `_computing`

    @property
    def trained(self) -> list[str]:
        """The names of the trainable variables, in the order of their gradients."""
        return [self._names[id(variable)] for variable in self.model.trainable_variables]

    def _load(self, state: State) -> None:
        for name, variable in self.variables.items():
            variable.assign(state.weights[name])
        for name, slot in self._slots.items():
            slot.assign(state.optimizer[name])
        self.model.optimizer.iterations.assign(state.iteration)
        self._iteration = state.iteration

    def _state(self) -> State:
        return State(
            {name: as_array(variable) for name, variable in self.variables.items()},
            {name: as_array(slot) for name, slot in self._slots.items()},
            int(self.model.optimizer.iterations),
        )

    def tensors(self, values: Any) -> Any:
        """Return arrays as tensors, floating-point ones in the climb's dtype."""

        def tensor(value: Any) -> Any:
            array: NDArray[Any] = np.asarray(value)
            return tf.constant(array, self.dtype if array.dtype.kind == "f" else None)

        return keras.tree.map_structure(lambda v: None if v is None else tensor(v), values)

    def _graph_step(self, x: Any, y: Any, weights: Any) -> dict[str, Any]:
        return training_step(self.model, self._names, x, y, weights, is_noisy=self._is_noisy)

    def _graph_calls(self, x: Any) -> list[tuple[list[Any], ...]]:
        self._was_called = True
        self._calls = forward_pass(self.model, x)
        return [(call.inputs, call.outputs, call.logits, call.masks) for call in self._calls]
