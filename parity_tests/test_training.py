"""Whole training runs: both backends on their own, from the same seed, in float64."""

from types import ModuleType

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR

import keras_ref
import torch_cnn
from cnn_experiment import Experiment, batch_order, epoch_batches, load_mnist, preset
from parity_ladder import assert_arrays_close
from parity_tests.conftest import small
from parity_tests.training import assert_trained_alike

SHORT_LAST_BATCH = 610  # 9 batches of 64 and one of 34


@pytest.mark.parametrize("name", ["article-2", "article-3", "article-3-addendum"])
def test_two_epochs_give_the_same_history_and_weights(name: str, device: str) -> None:
    experiment = small(name, train_images=SHORT_LAST_BATCH, test_images=100, epochs=2)
    history = assert_trained_alike(experiment, load_mnist(experiment), device)
    assert [record.step for record in history] == [10, 20]


@pytest.mark.parametrize("backend", [torch_cnn, keras_ref], ids=["torch", "keras"])
def test_the_same_experiment_gives_the_same_run_bit_for_bit(backend: ModuleType) -> None:
    experiment = small("article-3-addendum", train_images=640).with_changes(dtype="float32")
    digits = load_mnist(experiment)
    runs = [backend.train(experiment, digits) for _ in range(2)]
    one, other = (backend.neutral_weights(model) for model, _ in runs)
    assert_arrays_close(one, other, 0.0)
    assert runs[0][1][0].loss == runs[1][1][0].loss


def test_another_seed_gives_another_run() -> None:
    experiment = small("article-2", train_images=64)
    losses = [
        torch_cnn.train(changed, load_mnist(changed))[1][0].loss
        for changed in (experiment, experiment.with_changes(seed=1))
    ]
    assert losses[0] != losses[1]


def test_keras_is_dealt_the_seed_s_batches_in_every_epoch() -> None:
    experiment = small("article-2", train_images=200)
    digits = load_mnist(experiment)
    batches = keras_ref.SeededBatches(experiment, digits)
    for epoch in range(3):
        batches.begin_epoch(epoch)
        dealt = [batches[index] for index in range(len(batches))]
        assert [len(images) for images, _ in dealt] == [64, 64, 64, 8]
        order = batch_order(experiment.seed, epoch, 200)
        images = np.concatenate([images for images, _ in dealt])
        labels = np.concatenate([labels for _, labels in dealt]).argmax(axis=1)
        np.testing.assert_array_equal(images, digits.train_images_nhwc[order])
        np.testing.assert_array_equal(labels, digits.train_labels[order])


def fit(model: object, experiment: Experiment) -> list[float]:
    """Losses of one epoch of plain `fit`."""
    batches = keras_ref.SeededBatches(experiment, load_mnist(experiment))
    with keras_ref.floatx(experiment.dtype):
        history = model.fit(batches, shuffle=False, verbose=0)  # type: ignore[attr-defined]
    return list(history.history["loss"])


def test_reset_really_starts_again() -> None:
    experiment = small("article-3-addendum", train_images=192)
    model = keras_ref.build_model(experiment)
    first = fit(model, experiment)
    assert int(model.optimizer.iterations) == 3
    went_on = fit(model, experiment)
    assert went_on != first
    keras_ref.reset(model, experiment)
    assert int(model.optimizer.iterations) == 0
    assert fit(model, experiment) == pytest.approx(first, rel=0, abs=1e-14)


def test_reloading_the_weights_alone_does_not_start_again() -> None:
    """The article's own reset: why `reset` must do more."""
    experiment = small("article-3-addendum", train_images=192)
    model = keras_ref.build_model(experiment)
    weights = keras_ref.neutral_weights(model)
    first = fit(model, experiment)
    keras_ref.load_neutral_weights(model, weights)
    assert fit(model, experiment) != pytest.approx(first, rel=0, abs=1e-6)


def torch_epoch(
    model: torch_cnn.CNN, optimizer: torch.optim.Optimizer, schedule: LambdaLR
) -> list[float]:
    """The losses of the first epoch's batches, whatever the optimizer already keeps."""
    experiment = model.experiment
    digits = load_mnist(experiment)
    images = torch.from_numpy(digits.train_images_nhwc).permute(0, 3, 1, 2)
    labels = torch.from_numpy(digits.train_labels)
    losses = []
    for batch in epoch_batches(experiment.seed, 0, len(labels), experiment.batch_size):
        loss, _ = torch_cnn.train_step(model, optimizer, images[batch], labels[batch])
        schedule.step()
        losses.append(float(loss))
    return losses


def test_reloading_the_weights_alone_does_not_start_pytorch_again_either() -> None:
    experiment = small("article-3-addendum", train_images=640)
    model = torch_cnn.build_model(experiment)
    weights = torch_cnn.neutral_weights(model)

    def new_optimizer() -> tuple[torch.optim.Optimizer, LambdaLR]:
        optimizer = torch_cnn.build_optimizer(model)
        return optimizer, torch_cnn.keras_schedule(optimizer, experiment.schedule, "float64")

    optimizer, schedule = new_optimizer()
    first = torch_epoch(model, optimizer, schedule)
    kept = torch_cnn.neutral_optimizer_state(model, optimizer)
    torch_cnn.load_neutral_weights(model, weights)
    assert_arrays_close(torch_cnn.neutral_optimizer_state(model, optimizer), kept, 0.0)
    assert np.abs(kept["momentum/conv2d_1/kernel"]).max() > 0
    assert schedule.get_last_lr()[0] == experiment.schedule.rates(10, "float64")
    second = torch_epoch(model, optimizer, schedule)
    assert second[0] == first[0]
    assert second[1:] != pytest.approx(first[1:], rel=0, abs=1e-6)

    torch_cnn.load_neutral_weights(model, weights)
    assert torch_epoch(model, *new_optimizer()) == first


def test_reset_takes_a_constant_rate_back_too() -> None:
    experiment = small("article-2")
    model = keras_ref.build_model(experiment)
    model.optimizer.learning_rate = 0.5
    keras_ref.reset(model, experiment)
    assert float(model.optimizer.learning_rate) == 1e-3


def test_the_learning_rate_history_holds_what_article_3_prints_after_an_epoch() -> None:
    experiment = preset("article-3")
    data = experiment.data.with_changes(train_images=640, test_images=10)
    experiment = experiment.with_changes(data=data)
    rates = keras_ref.LearningRateHistory()
    model = keras_ref.build_model(experiment)
    batches = keras_ref.SeededBatches(experiment, load_mnist(experiment))
    model.fit(batches, epochs=2, shuffle=False, callbacks=[rates], verbose=0)
    assert rates.iterations == [10, 20]
    expected = experiment.schedule.rates([10, 20], "float32")
    assert rates.rates == [float(rate) for rate in expected]
