"""What attaches rates to an optimizer of PyTorch: groups keep their ratios, states go on."""

import io
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pytest
import torch
from torch.optim import Optimizer

import keras_ref
from keras_for_torch import (
    CosineDecay,
    KerasAdam,
    KerasReduceLROnPlateau,
    KerasScheduler,
    SettingError,
)

COSINE = CosineDecay(1e-3, decay_steps=30, warmup_target=3e-3, warmup_steps=10)


def weight(dtype: torch.dtype = torch.float32) -> torch.nn.Parameter:
    parameter = torch.nn.Parameter(torch.ones(2, dtype=dtype))
    parameter.grad = torch.ones_like(parameter)
    return parameter


def rates(optimizer: Optimizer) -> list[float]:
    return [group["lr"] for group in optimizer.param_groups]


@pytest.mark.parametrize(
    "make",
    [KerasAdam, torch.optim.SGD, torch.optim.AdamW],
    ids=lambda make: make.__name__,
)
def test_the_base_gets_exactly_the_schedule_s_rate_and_other_groups_their_ratio(
    make: Callable[..., Optimizer],
) -> None:
    groups = [
        {"params": [weight()], "lr": 3e-4},
        {"params": [weight()]},
        {"params": [weight()], "lr": 0.0},
    ]
    optimizer = make(groups, lr=3e-3)  # where rate / base * base is often not the rate
    scheduler = KerasScheduler(optimizer, COSINE)
    for updates in range(50):
        low, base, frozen = rates(optimizer)
        assert base == COSINE(updates)
        assert low == pytest.approx(COSINE(updates) / 10, rel=1e-15)
        assert frozen == 0
        assert scheduler.get_last_lr() == rates(optimizer)
        optimizer.step()
        scheduler.step()


def test_the_base_may_be_given_and_the_schedule_may_be_any_function() -> None:
    optimizer = KerasAdam([weight()], lr=0.5)
    KerasScheduler(optimizer, lambda updates: 0.25 / (1 + updates), base_lr=1.0)
    assert rates(optimizer) == [0.125]


@pytest.mark.parametrize("made_first", [True, False], ids=["scheduler first", "states first"])
def test_a_saved_scheduler_goes_on(made_first: bool) -> None:
    def groups() -> list[dict[str, Any]]:
        return [{"params": [weight()], "lr": 1e-4}, {"params": [weight()]}]

    first = KerasAdam(groups(), lr=1e-3)
    scheduler = KerasScheduler(first, COSINE)
    for _ in range(17):
        first.step()
        scheduler.step()
    file = io.BytesIO()
    torch.save({"optimizer": first.state_dict(), "scheduler": scheduler.state_dict()}, file)
    file.seek(0)
    states = torch.load(file, weights_only=True)

    second = KerasAdam(groups(), lr=1e-3)
    if made_first:
        again = KerasScheduler(second, COSINE)
        second.load_state_dict(states["optimizer"])
    else:
        second.load_state_dict(states["optimizer"])
        again = KerasScheduler(second, COSINE)
    again.load_state_dict(states["scheduler"])
    for optimizer, each in ((first, scheduler), (second, again)):
        optimizer.step()
        each.step()
    assert rates(second) == rates(first)
    assert rates(second)[1] == COSINE(18)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda o: KerasScheduler(o, 0.1),  # type: ignore[arg-type]
            "schedule = 0.1: accepted: a schedule, such as",
        ),
        (lambda o: KerasScheduler(o, COSINE, base_lr=0.0), "base_lr = 0.0: accepted: above 0"),
        (lambda o: KerasReduceLROnPlateau(o, factor=1.0), "factor = 1.0: accepted: 0 to below 1"),
        (lambda o: KerasReduceLROnPlateau(o, mode="auto"), "mode = 'auto': accepted: min, max"),
        (lambda o: KerasReduceLROnPlateau(o, patience=-1), "patience = -1: accepted: 0 or more"),
    ],
)
def test_wrong_settings_are_named(make: Callable[[Optimizer], object], sentence: str) -> None:
    with pytest.raises(SettingError) as error:
        make(KerasAdam([weight()]))
    assert str(error.value).startswith(sentence)


def keras_rates(metrics: Sequence[float], floatx: str, mode: str, **settings: Any) -> list[float]:
    """Return the rate after each epoch with Keras' callback."""
    with keras_ref.floatx(floatx):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.01), "mse")
        callback = keras.callbacks.ReduceLROnPlateau("val_loss", mode=mode, **settings)
        callback.set_model(model)
        callback.on_train_begin()
        found = []
        for epoch, metric in enumerate(metrics):
            callback.on_epoch_end(epoch, {"val_loss": metric})
            found.append(float(model.optimizer.learning_rate))
        return found


def metric_path(seed: int) -> list[float]:
    """Losses that rise and fall by about `min_delta`, some of them not numbers.

    Those of seed 0 are so large that float32 no longer tells such a change.
    """
    source = np.random.RandomState(seed)
    losses = np.cumsum(source.choice([1e-4, -1e-4, 0.99e-4, -1.01e-4, -1e-3, 1e-3, 0.0], 120))
    losses += 2000 if seed == 0 else 1
    losses[source.randint(1, 120, 3)] = math.nan
    return [float(loss) for loss in losses]


@pytest.mark.parametrize("floatx", ["float32", "float64"])
@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 3},
        {"patience": 1, "factor": 0.7, "cooldown": 2},
        {"patience": 0, "factor": 0.9, "min_delta": 0.0},
        {"patience": 2, "factor": 0.5, "min_lr": 1e-3, "cooldown": 1, "min_delta": 1e-3},
    ],
    ids=str,
)
def test_the_rate_on_a_plateau_is_keras_at_every_epoch(
    settings: dict[str, Any], mode: str, floatx: str
) -> None:
    for seed in range(3):
        metrics = metric_path(seed)
        optimizer = torch.optim.SGD([weight(getattr(torch, floatx))], lr=0.01)
        plateau = KerasReduceLROnPlateau(optimizer, mode=mode, **settings)
        ours = []
        for metric in metrics:
            plateau.step(metric)
            ours.append(plateau.rate)
            assert optimizer.param_groups[0]["lr"] == pytest.approx(plateau.rate, rel=1e-7)
        theirs = keras_rates(metrics, floatx, mode, **settings)
        assert ours == theirs
        assert len(set(ours)) > 2  # it was reduced


@pytest.mark.parametrize("floatx", ["float32", "float64"])
def test_a_rate_that_float32_does_not_tell_from_the_least_stays(floatx: str) -> None:
    settings = {"patience": 1, "min_lr": 0.01 * (1 - 1e-9)}
    optimizer = torch.optim.SGD([weight(getattr(torch, floatx))], lr=0.01)
    plateau = KerasReduceLROnPlateau(optimizer, **settings)  # type: ignore[arg-type]
    for _ in range(3):
        plateau.step(1.0)
    assert [plateau.rate] == keras_rates([1.0] * 3, floatx, "min", **settings)[-1:]


def test_a_plateau_keeps_the_ratios_of_groups_and_goes_on_from_a_state() -> None:
    groups: list[dict[str, Any]] = [{"params": [weight()], "lr": 1e-3}, {"params": [weight()]}]
    optimizer = torch.optim.SGD(groups, lr=0.01)
    plateau = KerasReduceLROnPlateau(optimizer, factor=0.5, patience=2)
    for metric in (1.0, 1.0):
        plateau.step(metric)
    assert rates(optimizer) == [1e-3, 0.01]
    again = KerasReduceLROnPlateau(optimizer, factor=0.5, patience=2)
    again.load_state_dict(plateau.state_dict())
    again.step(1.0)
    assert rates(optimizer) == pytest.approx([5e-4, 5e-3])
    fresh = KerasReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    fresh.load_state_dict(again.state_dict())
    fresh.step(1.0)
    assert rates(optimizer) == pytest.approx([2.5e-4, 2.5e-3])


def test_torch_s_own_waits_an_epoch_longer() -> None:
    ours, theirs = (torch.optim.SGD([weight()], lr=0.01) for _ in range(2))
    plateau = KerasReduceLROnPlateau(ours, patience=2)
    stock = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, patience=2)
    for metric in (1.0, 1.0, 1.0):
        plateau.step(metric)
        stock.step(metric)
    assert rates(ours) == pytest.approx([1e-3])
    assert rates(theirs) == [0.01]
