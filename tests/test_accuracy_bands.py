"""Trainings of a new seed on all 60,000 images lie in the bands of the measured seeds."""

from dataclasses import replace

import numpy as np
import pytest

from cnn_experiment import Digits, Experiment, load_mnist, preset
from cnn_experiment.backend import BACKENDS, load_backend
from measurements.accuracy.bands import bands, measured_runs, outside, tolerance_factor
from measurements.accuracy.runs import METRICS, Metric
from tests.running_scripts import kept_as_it_was

NEW_SEED = 1000


def trained(
    name: str, epochs: int, digits: Digits | None = None, device: str = "cpu"
) -> dict[Metric, float]:
    experiment = article_2(epochs)
    backend = load_backend(name)
    with kept_as_it_was():
        backend.prepare_process()
        _, history = backend.train(experiment, digits or load_mnist(experiment), device=device)
    assert history[-1].step == 938 * epochs
    return {metric: getattr(history[-1], metric) for metric in METRICS}


def article_2(epochs: int) -> Experiment:
    return preset("article-2").with_changes(epochs=epochs, seed=NEW_SEED)


def test_both_backends_were_measured_on_the_same_seeds() -> None:
    seeds = [
        {run.seed for run in measured_runs("article-2") if run.contestant == name}
        for name in BACKENDS
    ]
    assert len(seeds[0] & seeds[1]) >= 20
    assert NEW_SEED not in seeds[0] | seeds[1]


def test_a_new_seed_lies_in_the_bands_after_an_epoch(device: str) -> None:
    """The bands are those of the processor, for CUDA too."""
    sound = bands(measured_runs("article-2"), epoch=1)
    assert outside(sound, {"torch": trained("torch", 1, device=device)}) == []


@pytest.mark.slow
def test_a_new_seed_of_keras_lies_in_the_bands_after_an_epoch() -> None:
    sound = bands(measured_runs("article-2"), epoch=1)
    assert outside(sound, {"keras": trained("keras", 1)}) == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_new_seed_lies_in_the_bands_of_the_published_recipe() -> None:
    epochs = preset("article-2").epochs
    sound = bands(measured_runs("article-2"), epochs)
    assert outside(sound, {name: trained(name, epochs) for name in BACKENDS}) == []


@pytest.mark.slow
def test_shuffled_labels_in_a_twentieth_of_the_images_lie_outside() -> None:
    digits = load_mnist(article_2(1))
    labels = digits.train_labels.copy()
    source = np.random.RandomState(0)
    some = source.permutation(len(labels))[: len(labels) // 20]
    labels[some] = source.permutation(labels[some])
    faulty = replace(digits, train_labels=labels)
    sound = bands(measured_runs("article-2"), epoch=1)
    rejections = outside(sound, {"torch": trained("torch", 1, faulty)})
    assert {sentence.partition(":")[0] for sentence in rejections} >= {
        "torch, accuracy",
        "torch, loss",
    }


def test_the_tolerance_factor_is_the_published_one() -> None:
    """For n = 20, coverage 0.99 and confidence 0.95, tables give 3.615."""
    assert tolerance_factor(20, coverage=0.99) == pytest.approx(3.615, abs=0.01)
