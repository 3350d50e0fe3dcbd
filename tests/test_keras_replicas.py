"""What Keras offers for data-parallel training on TensorFlow, and where it is not in parity.

`tf.distribute.MirroredStrategy` gives each replica a part of every batch, as `torch_cnn.ranks`
does, but takes the mean of the parts' means, whatever their sizes. So a batch that cannot be
divided evenly gets another gradient than in one process.
"""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys
import tensorflow as tf
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras_ref
import numpy as np
from cnn_experiment import epoch_batches
from keras_ref.batches import one_hot
from keras_ref.floatx import floatx
from parity_tests.random_digits import random_digits
from parity_tests.small import small_experiment

def trained(strategy, last):
    few = small_experiment(3)
    size = few.batch_size
    data = few.data.with_changes(train_images=2 * size + last)
    experiment = few.with_changes(data=data, epochs=1)
    digits = random_digits(experiment)
    order = np.concatenate(epoch_batches(experiment.seed, 0, 2 * size + last, size))
    labels = one_hot(digits.train_labels, experiment)[order]
    with floatx(experiment.dtype), strategy.scope():
        model = keras_ref.build_model(experiment)
        model.fit(digits.train_images_nhwc[order], labels, size, shuffle=False, verbose=0)
        return model.get_weights()

alone, two = tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
for last in (10, 11):
    pairs = zip(trained(alone, last), trained(two, last), strict=True)
    print(json.dumps(max(float(np.abs(a - b).max()) for a, b in pairs)))
"""


@pytest.fixture(scope="module")
def distances() -> list[float]:
    """How far two replicas' weights are from one's; the last batch has 10 images, then 11."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=200
    )
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_replicas_with_equal_parts_follow_one(distances: list[float]) -> None:
    assert distances[0] < 1e-12


def test_replicas_with_unequal_parts_do_not(distances: list[float]) -> None:
    assert distances[1] > 1e-4
