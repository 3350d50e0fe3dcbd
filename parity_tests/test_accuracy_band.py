"""One epoch of article-2 on all 60,000 images: both accuracies lie where the measured seeds say."""

from types import ModuleType

import pytest

import keras_ref
import torch_cnn
from cnn_experiment import load_mnist, preset
from parity_tests.accuracy_band import measured_accuracies, tolerance_band, tolerance_factor

NEW_SEED = 1000
BACKENDS = {"torch": torch_cnn, "keras": keras_ref}


def test_both_backends_were_measured_on_the_same_seeds() -> None:
    seeds = [set(measured_accuracies(backend)) for backend in BACKENDS]
    assert seeds[0] == seeds[1]
    assert len(seeds[0]) >= 5
    assert NEW_SEED not in seeds[0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_new_seed_s_accuracy_lies_in_the_band(backend: str) -> None:
    module: ModuleType = BACKENDS[backend]
    experiment = preset("article-2").with_changes(epochs=1, seed=NEW_SEED)
    _, history = module.train(experiment, load_mnist(experiment))
    assert history[0].step == 938
    low, high = tolerance_band(measured_accuracies(backend).values())
    assert low <= history[0].val_accuracy <= high


def test_a_tenth_of_an_epoch_lies_outside_the_band() -> None:
    experiment = preset("article-2")
    few = experiment.data.with_changes(train_images=6_000)
    experiment = experiment.with_changes(epochs=1, seed=NEW_SEED, data=few)
    _, history = torch_cnn.train(experiment, load_mnist(experiment))
    low, _ = tolerance_band(measured_accuracies("torch").values())
    assert history[0].val_accuracy < low


def test_the_tolerance_factor_is_the_published_one() -> None:
    """For n = 20, coverage 0.99 and confidence 0.95, tables give 3.615."""
    assert tolerance_factor(20) == pytest.approx(3.615, abs=0.01)
