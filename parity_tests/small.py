"""Small experiments for fast checks."""

from cnn_experiment import Convolution, Data, Experiment, Hidden, Network, preset


def short_epoch(experiment: Experiment, steps: int) -> Experiment:
    """Return the experiment with `steps` batches in an epoch.

    The last batch is half as long. With as many steps as 60,000 images need, all of them are used.
    """
    size = experiment.batch_size
    images = 60_000 if steps * size >= 60_000 else (steps - 1) * size + (size + 1) // 2
    return experiment.with_changes(data=experiment.data.with_changes(train_images=images))


def small_experiment(steps: int = 6) -> Experiment:
    """The addendum with few maps, in float64: a network in which every known difference shows.

    It has a schedule, L2, momentum, and odd sizes before the pooling.
    """
    network = Network(
        convolutions=tuple(Convolution(filters=count) for count in (4, 6, 8)),
        pools=((2, 2), (2, 2)),
        hidden=(Hidden(units=12),),
    )
    experiment = preset("article-3-addendum").with_changes(
        network=network, dtype="float64", epochs=3, batch_size=16, data=Data(test_images=100)
    )
    return short_epoch(experiment, steps)
