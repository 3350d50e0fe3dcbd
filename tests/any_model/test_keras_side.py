"""The Keras side computes what `fit` computes, and leaves the model as it was."""

from typing import Any

import keras
import numpy as np
import pytest

from parity_ladder import KerasSide, LadderError, State, Step, assert_close
from parity_ladder.side import take_step
from tests.any_model.small_models import L, eagerly, numbers, regression


def walked(side: KerasSide, batches: list[Any]) -> tuple[State, list[Step]]:
    state, steps = side.initial_state(), []
    for batch in batches:
        steps.append(take_step(side, state, batch))
        state = steps[-1].state
    return state, steps


def in_float64(make: Any) -> keras.Model:
    """Make a model under Keras' own float64, as a user would who trains in it."""
    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        return make()
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(policy)


def rich_model() -> keras.Model:
    """Two outputs, loss weights, penalties, BatchNorm, clipping, a schedule, weighted metrics."""
    inputs = keras.Input((4,))
    x = L.Dense(6, activation="relu", kernel_regularizer="l2")(inputs)
    x = L.BatchNormalization()(x)
    outputs = [L.Dense(1, name="value")(x), L.Dense(3, activation="softmax", name="kind")(x)]
    model = keras.Model(inputs, outputs)
    schedule = keras.optimizers.schedules.CosineDecay(0.05, 20, warmup_target=0.1, warmup_steps=2)
    model.compile(
        keras.optimizers.Adam(schedule, clipnorm=0.2),
        ["huber", "sparse_categorical_crossentropy"],
        loss_weights=[0.5, 2.0],
        metrics=[
            [],
            ["accuracy", keras.metrics.SparseCategoricalCrossentropy(name="crossentropy")],
        ],
    )
    return model


def rich_batches() -> list[Any]:
    source = np.random.default_rng(3)
    found = []
    for size in (7, 7, 7, 4):  # the last one is short
        y = (source.normal(size=(size, 1)), source.integers(0, 3, size))
        weights = (source.random(size), source.random(size))
        found.append((source.normal(size=(size, 4)), y, weights))
    return found


class AsFitDeals(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches in their order, as a dataset of `fit`."""

    def __init__(self, batches: list[Any]) -> None:
        super().__init__()
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, place: int) -> Any:
        return self.batches[place]


def test_steps_are_those_of_fit() -> None:
    keras.utils.set_random_seed(0)
    started = rich_model()
    trained = in_float64(rich_model)
    trained.set_weights(started.get_weights())
    keras.config.set_floatx("float64")
    try:
        history = trained.fit(AsFitDeals(rich_batches()), shuffle=False, verbose=0).history
    finally:
        keras.config.set_floatx("float32")

    side = KerasSide(started)
    state, steps = walked(side, rich_batches())
    names = [variable.path for variable in started.variables]
    for name, theirs in zip(names, trained.get_weights(), strict=True):
        assert_close(state.weights[name], theirs, 1e-13)
    metrics = side.epoch_metrics(steps)
    assert metrics.keys() == history.keys() - {"value_loss", "kind_loss"}
    for name, value in metrics.items():
        assert value == pytest.approx(history[name][0], rel=1e-6), name  # fit reports float32


def test_the_model_keeps_its_weights_its_dtype_and_its_optimizer() -> None:
    model = rich_model()
    before = [np.array(weight) for weight in model.get_weights()]
    optimizer = model.optimizer
    side = KerasSide(model)
    walked(side, rich_batches())
    assert all(map(np.array_equal, before, model.get_weights()))
    assert {variable.dtype for variable in model.variables} == {"float32"}
    assert model.optimizer is optimizer
    assert int(optimizer.iterations) == 0
    model.train_on_batch(*rich_batches()[0])  # and it can still be trained


def test_a_climb_with_a_trained_model_begins_with_a_new_optimizer_and_says_so() -> None:
    model = rich_model()
    model.train_on_batch(*rich_batches()[0])
    side = KerasSide(model)
    start = side.initial_state()
    assert start.iteration == 0
    assert not any(array.any() for array in start.optimizer.values())
    weights = [np.float64(weight) for weight in model.get_weights()]
    assert all(map(np.array_equal, start.weights.values(), weights))
    assert any("trained before" in note for note in side.notes)


def test_layers_of_a_subclassed_model_are_seen_each_call_by_itself() -> None:
    class Twice(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.dense = L.Dense(4, activation="tanh")
            self.head = L.Dense(1)

        def call(self, inputs: Any) -> Any:
            return self.head(self.dense(self.dense(inputs)))

    model = Twice()
    model.compile("sgd", "mean_squared_error")
    batch = numbers()[0]
    model(batch[0])
    with eagerly():
        side = KerasSide(model)
        outputs = side.layer_outputs(side.initial_state(), batch)
    dense, head = (layer.name for layer in model.layers)
    assert list(outputs) == [dense, f"{dense}#2", head]
    first, second, _ = outputs.values()
    kernel, bias = (np.array(weight, np.float64) for weight in model.dense.get_weights())
    assert_close(second, np.tanh(first @ kernel + bias), 1e-14)


def test_frozen_layers_and_seeds_are_no_gradients() -> None:
    model = regression(L.Dense(3), L.Dropout(0.5))
    model.layers[0].trainable = False
    model.compile("sgd", "mean_squared_error")
    with eagerly():
        side = KerasSide(model)
        _, (step,) = walked(side, numbers(1))
    kernel = model.layers[0].kernel.path.removeprefix(f"{model.name}/")
    assert kernel in (step.statistics or {})
    assert kernel not in (step.gradients or {})
    assert not any("seed" in name for name in step.state.weights)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: keras.Sequential([keras.Input((4,)), L.Dense(1)]), "is not compiled"),
        (lambda: "model", "model is of type str; accepted: a keras.Model"),
    ],
)
def test_a_model_that_cannot_be_climbed_is_refused(make: Any, sentence: str) -> None:
    with pytest.raises(LadderError, match=sentence):
        KerasSide(make())


def test_a_model_without_variables_is_refused() -> None:
    model = keras.Sequential([L.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(LadderError, match="no variables yet; accepted: a built model"):
        KerasSide(model)


def test_a_train_step_of_its_own_is_refused() -> None:
    class Own(keras.Sequential):  # type: ignore[misc]
        def train_step(self, data: Any) -> Any:
            return super().train_step(data)

    model = Own([keras.Input((4,)), L.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(LadderError, match="has a train_step of its own"):
        KerasSide(model)


@pytest.mark.parametrize("name", ["dtype", "dropout"])
def test_wrong_options_name_the_accepted_ones(name: str) -> None:
    options: Any = {name: "other"}
    with pytest.raises(LadderError, match=f"{name} = 'other': accepted: "):
        KerasSide(regression(), **options)


def test_noise_is_refused_and_the_layer_is_named() -> None:
    model = regression(L.GaussianNoise(0.1, name="noise"))
    with eagerly():
        side = KerasSide(model)
        with pytest.raises(LadderError, match="layer noise draws random numbers"):
            side.step(side.initial_state(), numbers()[0])


def test_dropout_inside_a_recurrent_layer_is_refused_unless_it_is_off() -> None:
    model = keras.Sequential([keras.Input((3, 4)), L.LSTM(2, dropout=0.5, name="text"), L.Dense(1)])
    model.compile("sgd", "mse")
    batch = (np.ones((2, 3, 4)), np.ones((2, 1)))
    with eagerly():
        side = KerasSide(model)
        with pytest.raises(LadderError, match="drops values inside a recurrent layer"):
            side.step(side.initial_state(), batch)
        off = KerasSide(model, dropout="off")
        off.step(off.initial_state(), batch)
        assert off.notes == ("dropout was turned off on both sides, so it was not compared",)


def test_dropout_drops_what_the_masks_say_and_the_same_again() -> None:
    model = regression(L.Dropout(0.5, name="drop"))
    batch = numbers(1, size=400)[0]
    with eagerly():
        side = KerasSide(model)
        state = side.initial_state()
        first, again = (side.layer_outputs(state, batch)["drop"] for _ in range(2))
    assert np.array_equal(first, again)
    kept = first != 0
    assert 0.45 < kept.mean() < 0.55
    assert_close(first[kept], batch[0].astype(np.float64)[kept] * 2, 0)


def test_an_optimizer_or_a_policy_that_float64_has_no_use_for_is_refused() -> None:
    def refused(model: keras.Model) -> str:
        with pytest.raises(LadderError) as error:
            KerasSide(model)
        return str(error.value)

    model = regression(L.Dense(3))
    model.compile(keras.optimizers.SGD(0.1, gradient_accumulation_steps=2), "mse")
    assert "gradient_accumulation_steps = 2; accepted: none" in refused(model)
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)), "mse")
    assert "has a LossScaleOptimizer; accepted: the optimizer within it" in refused(model)
    mixed = regression(L.Dense(3, dtype="mixed_bfloat16"))
    assert "computes in bfloat16 on variables in float32; accepted: a model in" in refused(mixed)


def test_the_climbs_of_several_models_bring_no_warning_of_retracing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    monkeypatch.setattr(
        "logging.Logger.warning", lambda _, message, *rest: told.append(message % rest)
    )
    for _ in range(6):
        side, batch = KerasSide(regression()), numbers(1)[0]
        side.step(side.initial_state(), batch)
        side.layer_calls(side.initial_state(), batch)
    assert told == []
