"""The optimizers against Keras' own: a thousand updates in float64, compiled as in `fit`."""

from functools import cache
from typing import Any

import keras
import pytest
import torch

import keras_for_torch
from keras_for_torch import (
    KerasAdagrad,
    KerasAdam,
    KerasAdamax,
    KerasAdamW,
    KerasNadam,
    KerasRMSprop,
    KerasSGD,
)
from tests.keras_for_torch.paths import RATE, apart, keras_path, torch_path

TOLERANCE = 1e-12
RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("SGD", {}),
    "SGD with momentum": ("SGD", {"momentum": 0.9}),
    "SGD with Nesterov": ("SGD", {"momentum": 0.7, "nesterov": True}),
    "SGD with Nesterov alone": ("SGD", {"nesterov": True}),
    "RMSprop": ("RMSprop", {}),
    "RMSprop with momentum": ("RMSprop", {"momentum": 0.9, "rho": 0.99, "epsilon": 1e-3}),
    "Adam": ("Adam", {}),
    "Adam, other settings": ("Adam", {"beta_1": 0.7, "beta_2": 0.95, "epsilon": 1e-4}),
    "AMSGrad": ("Adam", {"amsgrad": True}),
    "AdamW": ("AdamW", {}),
    "AdamW with AMSGrad": ("AdamW", {"amsgrad": True, "beta_1": 0.8, "weight_decay": 0.1}),
    "Nadam": ("Nadam", {}),
    "Adamax": ("Adamax", {}),
    "Adagrad": ("Adagrad", {}),
    "Adagrad, other settings": ("Adagrad", {"initial_accumulator_value": 0.7, "epsilon": 1e-3}),
}
SHARED: dict[str, tuple[bool, dict[str, float]]] = {
    "decoupled decay": (False, {"weight_decay": 0.01}),
    "decoupled decay, decaying rate": (True, {"weight_decay": 0.01}),
    "clipnorm, decaying rate": (True, {"clipnorm": 0.3}),
    "clipvalue": (False, {"clipvalue": 0.1}),
    "global clipnorm, decaying rate": (True, {"global_clipnorm": 0.7}),
}
"""Whether the rate decays, and Keras' arguments; clipping has nothing to do with the rate."""
ONE_OF_EACH = ("SGD with momentum", "RMSprop with momentum", "AMSGrad", "AdamW", "Nadam", "Adamax",
               "Adagrad")  # fmt: skip


@cache
def theirs(rule: str, scheduled: bool = False, **shared: float) -> Any:
    kind, settings = RULES[rule]
    keras_class = getattr(keras.optimizers, kind)
    return keras_path(
        lambda learning_rate: keras_class(learning_rate, **settings | shared), scheduled
    )


def ours(rule: str, scheduled: bool = False, **shared: float) -> Any:
    kind, settings = RULES[rule]
    if kind != "AdamW" and "weight_decay" in shared:
        shared["decoupled_weight_decay"] = shared.pop("weight_decay")
    torch_class = getattr(keras_for_torch, f"Keras{kind}")
    return torch_path(lambda both: torch_class(both, lr=RATE, **settings | shared), scheduled)


@pytest.mark.parametrize("scheduled", [False, True], ids=["constant", "decaying"])
@pytest.mark.parametrize("rule", RULES)
def test_a_thousand_updates_follow_keras(rule: str, scheduled: bool) -> None:
    assert apart(ours(rule, scheduled), theirs(rule, scheduled)) < TOLERANCE


@pytest.mark.parametrize("shared", SHARED)
@pytest.mark.parametrize("rule", ONE_OF_EACH)
def test_decay_and_clipping_follow_keras(rule: str, shared: str) -> None:
    scheduled, given = SHARED[shared]
    assert apart(ours(rule, scheduled, **given), theirs(rule, scheduled, **given)) < TOLERANCE


@pytest.mark.parametrize("kind", ["SGD", "RMSprop", "Adam", "AdamW", "Nadam", "Adamax", "Adagrad"])
def test_the_defaults_are_those_of_keras(kind: str) -> None:
    config = getattr(keras.optimizers, kind)().get_config()
    torch_class = getattr(keras_for_torch, f"Keras{kind}")
    defaults = torch_class([torch.nn.Parameter(torch.ones(1))]).defaults
    names = {"lr": "learning_rate", "decoupled_weight_decay": "weight_decay"}
    if kind != "AdamW":
        assert defaults.pop("weight_decay") == 0
    assert not defaults.pop("epsilon_outside", False)  # which Keras 3 does not have
    for name, value in defaults.items():
        expected = config[names.get(name, name)]
        assert value == (pytest.approx(expected, rel=1e-7) if expected else expected or value), name


@pytest.mark.parametrize(
    ("rule", "module"),
    [
        ("SGD with momentum", "sgd"),
        ("AMSGrad", "adam"),
        ("Nadam", "nadam"),
        ("Adamax", "adamax"),
        ("Adagrad", "adagrad"),
        ("AdamW", "flat_update"),
    ],
)
def test_constants_that_are_not_rounded_would_show(
    rule: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"keras_for_torch.optimizers.{module}.rounded", float)
    assert apart(ours(rule), theirs(rule)) > TOLERANCE


@pytest.mark.parametrize(
    ("rule", "scheduled", "stock"),
    [
        ("SGD with momentum", True, lambda p: torch.optim.SGD(p, RATE, momentum=0.9)),
        ("RMSprop", False, lambda p: torch.optim.RMSprop(p, RATE, alpha=0.9, eps=1e-7)),
        ("Adam", False, lambda p: torch.optim.Adam(p, RATE, eps=1e-7)),
        ("AdamW", False, lambda p: torch.optim.AdamW(p, RATE, eps=1e-7, weight_decay=0.004)),
        ("Nadam", False, lambda p: torch.optim.NAdam(p, RATE, eps=1e-7, momentum_decay=1.0)),
        ("Adamax", False, lambda p: torch.optim.Adamax(p, RATE, eps=1e-7)),
        (
            "Adagrad",
            False,
            lambda p: torch.optim.Adagrad(p, RATE, initial_accumulator_value=0.1, eps=1e-7),
        ),
    ],
)
def test_torch_s_own_does_not_follow_keras(rule: str, scheduled: bool, stock: Any) -> None:
    assert apart(torch_path(stock, scheduled), theirs(rule, scheduled)) > 1000 * TOLERANCE


@pytest.mark.parametrize(
    ("kind", "slots"),
    [
        (KerasSGD, {"momentum"}),
        (KerasRMSprop, {"velocity", "momentum"}),
        (KerasAdam, {"momentum", "velocity", "velocity_hat"}),
        (KerasAdamW, {"momentum", "velocity", "velocity_hat"}),
        (KerasNadam, {"momentum", "velocity"}),
        (KerasAdamax, {"momentum", "norm"}),
        (KerasAdagrad, {"accumulator"}),
    ],
)
def test_slots_have_keras_names_and_values(kind: Any, slots: set[str]) -> None:
    settings: dict[str, Any] = {}
    settings |= {"momentum": 0.9} if kind in (KerasSGD, KerasRMSprop) else {}
    settings |= {"amsgrad": True} if kind in (KerasAdam, KerasAdamW) else {}
    made: list[Any] = []

    def make(learning_rate: Any) -> Any:
        name = kind.__name__.removeprefix("Keras")
        made.append(getattr(keras.optimizers, name)(learning_rate, **settings))
        return made[-1]

    keras_path(make, updates=20)
    optimizers: list[torch.optim.Optimizer] = []

    def make_ours(parameters: Any) -> torch.optim.Optimizer:
        optimizers.append(kind(parameters, lr=RATE, **settings))
        return optimizers[-1]

    torch_path(make_ours, updates=20)
    kernel, bias = optimizers[0].param_groups[0]["params"]
    state = optimizers[0].state[kernel]
    assert {name for name, value in state.items() if isinstance(value, torch.Tensor)} == slots
    for name in slots:
        kept = [
            variable.numpy() for variable in made[0].variables if variable.path.endswith(f"_{name}")
        ]
        for parameter, value in zip((kernel, bias), kept, strict=True):
            ours = optimizers[0].state[parameter][name].numpy()
            assert abs(ours - value).max() < TOLERANCE * abs(value).max()
