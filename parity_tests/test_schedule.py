"""The learning rate: Keras' float32 value, and through torch's own scheduler."""

import keras
import numpy as np
import pytest
import torch

import keras_ref
from cnn_experiment import ConstantRate, InverseTimeDecay
from cnn_experiment.schedules import Schedule
from torch_cnn import KerasRMSprop, keras_schedule

ARTICLE_3 = InverseTimeDecay(initial_learning_rate=1e-3, decay_steps=1, decay_rate=1e-3)

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


@pytest.mark.parametrize(
    "schedule",
    [
        ARTICLE_3,
        InverseTimeDecay(initial_learning_rate=0.1, decay_steps=938, decay_rate=0.5),
        InverseTimeDecay(initial_learning_rate=3e-4, decay_steps=7.5, decay_rate=1e-6),
    ],
)
@pytest.mark.parametrize("floatx", ["float32", "float64"])
def test_rates_equal_keras_bit_for_bit(schedule: InverseTimeDecay, floatx: str) -> None:
    iterations = np.arange(80_001)
    with keras_ref.floatx(floatx):
        theirs = keras.optimizers.schedules.InverseTimeDecay(
            schedule.initial_learning_rate, schedule.decay_steps, schedule.decay_rate
        )
        rates = keras.ops.convert_to_numpy(theirs(iterations))
        one_by_one = [float(theirs(step)) for step in range(0, 80_001, 1000)]
    ours = schedule.rates(iterations, floatx)
    assert ours.dtype == rates.dtype == np.float32
    np.testing.assert_array_equal(ours, rates)
    assert [float(rate) for rate in ours[::1000]] == one_by_one


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
