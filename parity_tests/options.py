"""Each option of the articles as a small experiment, which differs in this option alone."""

from cnn_experiment import (
    L1,
    L2,
    Adamax,
    ConstantRate,
    Convolution,
    Experiment,
    ExponentialDecay,
    Hidden,
    InverseTimeDecay,
    Nadam,
    RMSprop,
)
from cnn_experiment.settings.regularizers import Regularized
from parity_tests.small import small_experiment

STEPS = 20
_KERNELS: tuple[Regularized, ...] = ("convolutions", "hidden", "output")


def options() -> dict[str, Experiment]:
    """Return an experiment of `STEPS` steps on MNIST in float64 for each option, by its name."""
    base = small_experiment(STEPS)
    network = base.network
    by_name: dict[str, Experiment] = {}

    def with_network(name: str, **changes: object) -> None:
        by_name[name] = base.with_changes(network=network.with_changes(**changes))

    for activation in ("relu", "sigmoid", "elu", "tanh"):
        convolutions = tuple(c.with_changes(activation=activation) for c in network.convolutions)
        with_network(f"convolutions: {activation}", convolutions=convolutions)
    for activation in ("relu", "sigmoid", "tanh"):
        hidden = tuple(layer.with_changes(activation=activation) for layer in network.hidden)
        with_network(f"hidden: {activation}", hidden=hidden)
    for activation in ("softmax", "sigmoid"):
        for of in ("logits", "probabilities"):
            output = network.output.with_changes(activation=activation, crossentropy_of=of)
            with_network(f"output: {activation}, loss of {of}", output=output)
    with_network("no convolution", convolutions=(), pools=())
    with_network("one convolution", convolutions=network.convolutions[:1], pools=())
    odd = (Convolution(filters=3, kernel_size=(5, 2)), Convolution(filters=4, kernel_size=(1, 3)))
    with_network("odd kernels and pools", convolutions=odd, pools=((3, 2),))
    with_network("no hidden layer", hidden=())
    with_network("three hidden layers", hidden=(Hidden(units=9), Hidden(units=8), Hidden(units=7)))
    for name, value in {
        "none": None,
        "L1": L1(strength=1e-3),
        "L1, convolutions too": L1(strength=1e-3, layers=_KERNELS),
        "L2": L2(strength=1e-3),
        "L2, convolutions too": L2(strength=1e-3, layers=_KERNELS),
        "L2, hidden layers only": L2(strength=1e-3, layers=("hidden",)),
    }.items():
        by_name[f"regularizer: {name}"] = base.with_changes(regularizer=value)
    for name, optimizer in {
        "rmsprop": RMSprop(),
        "rmsprop with momentum": RMSprop(momentum=0.5),
        "rmsprop of Keras 2": RMSprop(epsilon_outside=True),
        "nadam": Nadam(),
        "adamax": Adamax(),
    }.items():
        by_name[f"optimizer: {name}"] = base.with_changes(optimizer=optimizer)
    for name, schedule in {
        "constant": ConstantRate(),
        "inverse time": InverseTimeDecay(decay_steps=7, decay_rate=0.5),
        "inverse time, staircase": InverseTimeDecay(decay_steps=7, decay_rate=0.5, staircase=True),
        "exponential": ExponentialDecay(decay_steps=7, decay_rate=0.9),
        "exponential, staircase": ExponentialDecay(decay_steps=7, decay_rate=0.9, staircase=True),
    }.items():
        by_name[f"schedule: {name}"] = base.with_changes(schedule=schedule)
    for protocol in ("pooled", "official"):
        data = base.data.with_changes(protocol=protocol)
        by_name[f"data: {protocol}"] = base.with_changes(data=data)
    return by_name
