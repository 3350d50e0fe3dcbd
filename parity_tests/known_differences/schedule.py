"""Differences in the learning rate."""

from cnn_experiment import InverseTimeDecay
from parity_tests.known_differences.catalogue import KnownDifference, known

KERAS = "keras/src/optimizers/schedules/learning_rate_schedule.py"


@known("learning rate not rounded", rung="learning rate", source=KERAS)
class RateNotRounded(KnownDifference):
    """The schedule is computed in Python doubles; Keras computes it in float32."""

    def learning_rate(self, iteration: int) -> float:
        schedule = self.experiment.schedule
        if not isinstance(schedule, InverseTimeDecay):
            return super().learning_rate(iteration)
        periods = iteration / schedule.decay_steps
        return schedule.initial_learning_rate / (1 + schedule.decay_rate * periods)


@known(
    "schedule one step late",
    rung="learning rate",
    source="the rate is set after the update, from the count before it",
)
class OneStepLate(KnownDifference):
    """Each update takes the rate of the update before it."""

    def learning_rate(self, iteration: int) -> float:
        return super().learning_rate(max(iteration - 1, 0))


@known("schedule one step early", rung="learning rate", source="scheduler.step() before the update")
class OneStepEarly(KnownDifference):
    """Each update takes the rate of the update after it."""

    def learning_rate(self, iteration: int) -> float:
        return super().learning_rate(iteration + 1)


@known("schedule stepped per epoch", rung="learning rate", source="most examples for PyTorch")
class SteppedPerEpoch(KnownDifference):
    """The schedule counts epochs, not updates."""

    def learning_rate(self, iteration: int) -> float:
        return super().learning_rate(iteration // self.experiment.steps_per_epoch)


@known(
    "schedule begun anew each epoch",
    rung="learning rate",
    source="a scheduler that is made inside the loop over epochs",
)
class BegunAnewEachEpoch(KnownDifference):
    """The schedule counts the updates of the present epoch only."""

    def learning_rate(self, iteration: int) -> float:
        return super().learning_rate(iteration % self.experiment.steps_per_epoch)
