"""A network small enough to climb many times, in which every known difference shows."""

from cnn_experiment import Convolution, Data, Experiment, Hidden, Network, preset
from parity_tests.ladder import short_epoch


def small_experiment(steps: int = 6) -> Experiment:
    """The addendum with few maps, in float64: schedule, L2, momentum, odd sizes before pooling."""
    network = Network(
        convolutions=tuple(Convolution(filters=count) for count in (4, 6, 8)),
        pools=((2, 2), (2, 2)),
        hidden=(Hidden(units=12),),
    )
    experiment = preset("article-3-addendum").with_changes(
        network=network, dtype="float64", epochs=3, batch_size=16, data=Data(test_images=100)
    )
    return short_epoch(experiment, steps)
