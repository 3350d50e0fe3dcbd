"""The training runs that the articles published, as experiments.

Sources: article II, "First test"; article III, cell 8 with its results, and the addendum of
15 June 2020; article VI, the model summary; "MLP, Numpy, TF2 - performance issues - Step I".

Where a cell of settings and the call of `train()` say different things, a preset holds what the
printed program would run: the call's argument if a call is printed together with the cell, else the
cell's value.

Article II and the MLP ran on Keras 2, article III on tf.keras 2. All presets have the RMSprop of
Keras 3; `RMSprop(epsilon_outside=True)` is that of Keras 2.
"""

from cnn_experiment.errors import UserError
from cnn_experiment.settings.experiment import Data, Experiment
from cnn_experiment.settings.network import Convolution, Hidden, Network, Output
from cnn_experiment.settings.optimizers import RMSprop
from cnn_experiment.settings.regularizers import L2
from cnn_experiment.settings.schedules import InverseTimeDecay
from cnn_experiment.value import accepted


def _network(filters: tuple[int, int, int], hidden_units: int) -> Network:
    return Network(
        convolutions=tuple(Convolution(filters=count) for count in filters),
        pools=((2, 2), (2, 2)),
        hidden=(Hidden(units=hidden_units),),
    )


def _article_3(network: Network, *, strength: float, momentum: float) -> Experiment:
    return Experiment(
        network=network,
        optimizer=RMSprop(momentum=momentum),
        schedule=InverseTimeDecay(initial_learning_rate=1e-3, decay_steps=1.0, decay_rate=1e-3),
        regularizer=L2(strength=strength),
        epochs=80,
    )


PRESETS: dict[str, Experiment] = {
    "article-2": Experiment(network=_network((32, 64, 64), 70), epochs=5),
    # The call: cell 8 sets a momentum of 0.6, but its call of train() passes 0.8.
    "article-3-first": _article_3(_network((64, 64, 128), 120), strength=9e-4, momentum=0.8),
    # The cells: no call is printed with them. That of cell 8 passes 0.8.
    "article-3": _article_3(_network((64, 64, 128), 120), strength=8e-4, momentum=0.5),
    "article-3-addendum": _article_3(_network((32, 64, 128), 120), strength=1e-3, momentum=0.9),
    # Only the network is article VI's: its training is assumed to be the addendum's.
    "article-6": _article_3(_network((32, 64, 128), 100), strength=1e-3, momentum=0.9),
    "mlp": Experiment(
        network=Network(
            convolutions=(),
            pools=(),
            hidden=(Hidden(units=70, activation="sigmoid"), Hidden(units=30, activation="sigmoid")),
            output=Output(activation="sigmoid", crossentropy_of="probabilities"),
        ),
        regularizer=L2(strength=0.01, layers=("hidden",)),
        data=Data(protocol="official"),
        epochs=35,
        batch_size=500,
    ),
}


ACCURACY_LINE = 0.992
"""The accuracy at which the articles draw a line in their plots, but for one."""


def accuracy_line(experiment: Experiment) -> float:
    """Return the accuracy at which the articles draw a line in the plot of this experiment.

    The addendum of article III has it at 0.9935. An experiment counts as the addendum's if network,
    optimizer, schedule and regularizer are the same: a shorter run has the line, too.
    """
    addendum = PRESETS["article-3-addendum"]
    same = ("network", "optimizer", "schedule", "regularizer")
    is_the_addendum = all(getattr(experiment, part) == getattr(addendum, part) for part in same)
    return 0.9935 if is_the_addendum else ACCURACY_LINE


def preset(name: str) -> Experiment:
    """Return the published experiment of this name; raises `UserError` for an unknown name."""
    try:
        return PRESETS[name]
    except KeyError:
        raise UserError(f"preset = {name!r}: {accepted(list(PRESETS))}") from None
