"""Known differences in the learning rate."""

from cnn_experiment import InverseTimeDecay
from parity_tests.known_differences.catalogue import known
from parity_tests.torch_side import TorchPort

KERAS = "keras/src/optimizers/schedules/learning_rate_schedule.py"


@known("learning rate not rounded", rung="learning rate", source=KERAS)
class RateNotRounded(TorchPort):
    """The schedule is computed in Python doubles, whereas Keras computes it in float32."""

    def scheduled_rate(self, iteration: int) -> float:
        schedule = self.experiment.schedule
        if not isinstance(schedule, InverseTimeDecay):
            return super().scheduled_rate(iteration)
        periods = iteration / schedule.decay_steps
        return schedule.initial_learning_rate / (1 + schedule.decay_rate * periods)


@known(
    "schedule one step late",
    rung="learning rate",
    source="the rate is set after the update, from the count before it",
)
class OneStepLate(TorchPort):
    """Each update uses the learning rate of the update before it."""

    def scheduled_iteration(self, iteration: int) -> int:
        return super().scheduled_iteration(max(iteration - 1, 0))


@known("schedule one step early", rung="learning rate", source="scheduler.step() before the update")
class OneStepEarly(TorchPort):
    """Each update uses the learning rate of the update after it."""

    def scheduled_iteration(self, iteration: int) -> int:
        return super().scheduled_iteration(iteration + 1)


@known("schedule stepped per epoch", rung="learning rate", source="most examples for PyTorch")
class SteppedPerEpoch(TorchPort):
    """The schedule counts epochs, not updates."""

    def scheduled_iteration(self, iteration: int) -> int:
        return super().scheduled_iteration(iteration // self.experiment.steps_per_epoch)


@known(
    "schedule begun anew each epoch",
    rung="learning rate",
    source="a scheduler that is made inside the loop over epochs",
)
class RestartedEachEpoch(TorchPort):
    """The schedule counts the updates of the current epoch only."""

    def scheduled_iteration(self, iteration: int) -> int:
        return super().scheduled_iteration(iteration % self.experiment.steps_per_epoch)
