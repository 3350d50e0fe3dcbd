"""Change single settings of an experiment by name, as the command-line options do."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from cnn_experiment.errors import UserError
from cnn_experiment.settings.experiment import Experiment
from cnn_experiment.settings.network import Convolution, Hidden, Network
from cnn_experiment.settings.optimizers import OPTIMIZERS, AnyOptimizer, RMSprop
from cnn_experiment.settings.schedules import SCHEDULES, AnySchedule
from cnn_experiment.value import accepted

Kind = TypeVar("Kind")


def with_overrides(
    experiment: Experiment,
    *,
    optimizer: str | None = None,
    momentum: float | None = None,
    epsilon_outside: bool | None = None,
    schedule: str | None = None,
    learning_rate: float | None = None,
    decay_steps: float | None = None,
    decay_rate: float | None = None,
    staircase: bool | None = None,
    l1: float | None = None,
    l2: float | None = None,
    filters: Sequence[int] | None = None,
    dense: Sequence[int] | None = None,
) -> Experiment:
    """Return the experiment with these settings changed; None leaves a setting as it is.

    A new optimizer has Keras' defaults. A new schedule has the defaults of its class and keeps the
    initial learning rate. Raises `UserError` for an unknown name and for a setting that the chosen
    optimizer or schedule does not have.
    """
    changes = {
        "optimizer": _optimizer(
            experiment, optimizer, _given(momentum=momentum, epsilon_outside=epsilon_outside)
        ),
        "schedule": _schedule(
            experiment,
            schedule,
            _given(
                initial_learning_rate=learning_rate,
                decay_steps=decay_steps,
                decay_rate=decay_rate,
                staircase=staircase,
            ),
        ),
        "regularizer": _regularizer(experiment, l1, l2),
        "network": _network(experiment.network, filters, dense),
    }
    return experiment.with_changes(**changes)


def _optimizer(experiment: Experiment, kind: str | None, settings: dict[str, Any]) -> AnyOptimizer:
    chosen = experiment.optimizer
    if kind is not None and kind != chosen.kind:
        chosen = _one_of("optimizer", kind, OPTIMIZERS)()
    for name, value in settings.items():
        if not isinstance(chosen, RMSprop):
            raise UserError(
                f"{name} = {value}: {chosen.kind} has no such setting; accepted: with rmsprop"
            )
    return chosen.with_changes(**settings)


def _schedule(experiment: Experiment, kind: str | None, settings: dict[str, Any]) -> AnySchedule:
    chosen = experiment.schedule
    wanted = chosen if kind is None else _one_of("schedule", kind, SCHEDULES)()
    if wanted.kind != chosen.kind:
        rate = chosen.initial_learning_rate
        chosen = wanted.with_changes(initial_learning_rate=rate)
    for name, value in settings.items():
        if name not in type(chosen).model_fields:
            raise UserError(
                f"{name} = {value}: a constant learning rate has none; accepted: with schedule"
                " inverse_time or exponential"
            )
    return chosen.with_changes(**settings)


def _regularizer(experiment: Experiment, l1: float | None, l2: float | None) -> Any:
    if l1 is not None and l2 is not None:
        raise UserError(f"l1 = {l1} and l2 = {l2}: accepted: only one of them")
    kind, strength = ("l1", l1) if l1 is not None else ("l2", l2)
    if strength is None:
        return experiment.regularizer
    present = experiment.regularizer
    layers = {} if present is None else {"layers": present.layers}
    return {"kind": kind, "strength": strength} | layers


def _network(
    network: Network, filters: Sequence[int] | None, dense: Sequence[int] | None
) -> Network:
    """Change the layer sizes; if their number changes, each layer and pool is like the first."""
    changes: dict[str, Any] = {}
    if filters is not None:
        like = network.convolutions[0] if network.convolutions else Convolution(filters=1)
        pool = network.pools[0] if network.pools else (2, 2)
        between = max(len(filters) - 1, 0)
        same = len(filters) == len(network.convolutions)
        layers = network.convolutions if same else [like] * len(filters)
        changes["convolutions"] = tuple(
            layer.with_changes(filters=count) for layer, count in zip(layers, filters, strict=True)
        )
        changes["pools"] = network.pools if same else (pool,) * between
    if dense is not None:
        like_hidden = network.hidden[0] if network.hidden else Hidden(units=1)
        same = len(dense) == len(network.hidden)
        hidden = network.hidden if same else [like_hidden] * len(dense)
        changes["hidden"] = tuple(
            layer.with_changes(units=units) for layer, units in zip(hidden, dense, strict=True)
        )
    return network.with_changes(**changes)


def _one_of(setting: str, name: str, choices: Mapping[str, Kind]) -> Kind:
    if name not in choices:
        raise UserError(f"{setting} = {name!r}: {accepted(list(choices))}")
    return choices[name]


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
