"""Whole training runs of both backends, compared."""

import pytest

import keras_ref
import torch_cnn
from cnn_experiment import Digits, EpochRecord, Experiment
from parity_ladder import assert_arrays_close


def assert_trained_alike(
    experiment: Experiment, digits: Digits, device: str = "cpu"
) -> list[EpochRecord]:
    """Train with both backends; compare epoch records and weights; return our records.

    The tolerances are for float64.
    """
    our_model, our_history = torch_cnn.train(experiment, digits, device=device)
    their_model, their_history = keras_ref.train(experiment, digits, device="cpu")
    for ours, theirs in zip(our_history, their_history, strict=True):
        assert (ours.epoch, ours.step) == (theirs.epoch, theirs.step)
        assert ours.learning_rate == theirs.learning_rate
        assert (ours.accuracy, ours.val_accuracy) == (theirs.accuracy, theirs.val_accuracy)
        assert ours.loss == pytest.approx(theirs.loss, rel=0, abs=1e-12)
        assert ours.val_loss == pytest.approx(theirs.val_loss, rel=0, abs=1e-12)
    assert_arrays_close(
        torch_cnn.neutral_weights(our_model), keras_ref.neutral_weights(their_model), 1e-11
    )
    return our_history
