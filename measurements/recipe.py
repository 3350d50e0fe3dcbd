"""The experiment of a measurement: a preset with a few changes."""

from typing import Any, NamedTuple

from cnn_experiment import Experiment, preset


class Recipe(NamedTuple):
    """A preset, and the settings to change in it; None changes nothing."""

    preset: str
    epochs: int | None = None
    momentum: float | None = None
    train_images: int | None = None
    split_seed: int | None = None

    @property
    def experiment(self) -> Experiment:
        """The experiment, with seed 0; raises `UserError` for settings that are not valid."""
        published = preset(self.preset)
        changes: dict[str, Any] = {} if self.epochs is None else {"epochs": self.epochs}
        if self.momentum is not None:
            changes["optimizer"] = published.optimizer.with_changes(momentum=self.momentum)
        of_the_data = {"train_images": self.train_images, "split_seed": self.split_seed}
        given = {name: value for name, value in of_the_data.items() if value is not None}
        if given:
            changes["data"] = published.data.with_changes(**given)
        return published.with_changes(**changes)

    @property
    def name(self) -> str:
        """The name of the preset, and what is changed in it apart from the epochs."""
        momentum = "" if self.momentum is None else f", momentum {self.momentum}"
        images = "" if self.train_images is None else f", {self.train_images} images"
        split = "" if self.split_seed is None else f", split {self.split_seed}"
        return f"{self.preset}{momentum}{images}{split}"
