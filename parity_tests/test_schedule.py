"""The learning rate: Keras' float32 value, and through torch's own scheduler."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch

import keras_ref
from cnn_experiment import ConstantRate, ExponentialDecay, InverseTimeDecay
from cnn_experiment.settings.schedules import Schedule
from torch_cnn import KerasRMSprop, keras_schedule

ARTICLE_3 = InverseTimeDecay(initial_learning_rate=1e-3, decay_steps=1, decay_rate=1e-3)

Decay = InverseTimeDecay | ExponentialDecay
PRINTED_IN_ARTICLE_3 = {
    12194: 7.57920279e-05,
    17822: 5.3129319e-05,
    20636: 4.6219262e-05,
    28140: 3.43170905e-05,
    51590: 1.90150222e-05,
    64722: 1.52156063e-05,
    65660: 1.50015e-05,
    71288: 1.38335554e-05,
    14070: 6.6357e-05,
    21574: 4.42987512e-05,
    32830: 2.95595619e-05,
}


SCHEDULES = [
    ARTICLE_3,
    InverseTimeDecay(initial_learning_rate=0.1, decay_steps=938, decay_rate=0.5),
    InverseTimeDecay(initial_learning_rate=3e-4, decay_steps=7.5, decay_rate=1e-6),
    InverseTimeDecay(initial_learning_rate=1e-3, decay_steps=938, decay_rate=0.5, staircase=True),
    ExponentialDecay(initial_learning_rate=1e-3, decay_steps=938, decay_rate=0.96),
    ExponentialDecay(initial_learning_rate=1e-3, decay_steps=7.5, decay_rate=0.9),
    ExponentialDecay(initial_learning_rate=1e-3, decay_steps=938, decay_rate=0.96, staircase=True),
    ExponentialDecay(initial_learning_rate=1e-3, decay_steps=3, decay_rate=1.0),
]
ITERATIONS = np.unique(np.r_[0:1000, 1000:80_001:97, 938:80_001:938])


def keras_schedule_of(schedule: Decay) -> keras.optimizers.schedules.LearningRateSchedule:
    return keras_ref.model.learning_rate(schedule)


@pytest.mark.parametrize("floatx", ["float32", "float64"])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_rates_are_bit_for_bit_those_that_keras_updates_with(schedule: Decay, floatx: str) -> None:
    """Plain gradient descent on a weight of 0 with a gradient of -1 leaves the rate behind."""
    with keras_ref.floatx(floatx):
        weight = keras.Variable(np.zeros(()), dtype=floatx)
        optimizer = keras.optimizers.SGD(keras_schedule_of(schedule))
        optimizer.build([weight])
        gradient = keras.ops.convert_to_tensor(-1.0, floatx)

        @tf.function  # type: ignore[untyped-decorator]
        def update() -> None:
            optimizer.apply([gradient], [weight])

        theirs = []
        for iteration in ITERATIONS:
            optimizer.iterations.assign(int(iteration))
            weight.assign(0.0)
            update()
            theirs.append(float(weight))
    ours = schedule.rates(ITERATIONS, floatx)
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours.astype(np.float64), theirs)
    one_by_one = [schedule.rates(int(iteration), floatx) for iteration in ITERATIONS]
    np.testing.assert_array_equal(ours, one_by_one)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_a_keras_schedule_on_its_own_differs_in_the_last_places_at_most(schedule: Decay) -> None:
    """Outside of `fit` it divides by decay_steps, and a power may be rounded in another way."""
    theirs = keras.ops.convert_to_numpy(keras_schedule_of(schedule)(ITERATIONS))
    ours = schedule.rates(ITERATIONS, "float32")
    if schedule.kind == "inverse_time" and schedule.decay_steps == 1:
        np.testing.assert_array_equal(ours, theirs)
    if not schedule.staircase:
        large = theirs > 1e-30
        np.testing.assert_allclose(ours[large], theirs[large], rtol=1e-5)


@pytest.mark.parametrize(("iteration", "printed"), PRINTED_IN_ARTICLE_3.items())
def test_rates_are_those_that_article_3_prints(iteration: int, printed: float) -> None:
    assert ARTICLE_3.rates(iteration, np.float32) == np.float32(printed)


@pytest.mark.parametrize("schedule", [ARTICLE_3, ConstantRate(initial_learning_rate=1e-3)])
def test_lambda_lr_sets_exactly_the_schedule_s_rate_before_each_update(schedule: Schedule) -> None:
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))]} for _ in range(2)]
    optimizer = KerasRMSprop(groups)
    scheduler = keras_schedule(optimizer, schedule)
    for iteration in range(2000):
        rate = float(schedule.rates(iteration, np.float32))
        assert [group["lr"] for group in optimizer.param_groups] == [rate, rate]
        optimizer.step()
        scheduler.step()


def test_one_step_late_would_show() -> None:
    rates = ARTICLE_3.rates(np.arange(80_001), np.float32)
    assert (rates[1:] != rates[:-1]).mean() > 0.99
