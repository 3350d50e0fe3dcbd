"""What an entry of the catalogue is, how one is entered, and the port with some of them planted."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cnn_experiment import Experiment
from parity_tests.torch_side import TorchPort


@dataclass(frozen=True)
class KnownDifference:
    """One decision that ports take wrongly."""

    rung: str
    """Name of the rung where the ladder must find it."""
    source: str
    """Where it comes from: a file of a framework, an article, a common habit."""
    sentence: str
    """What the difference is."""
    port: type[TorchPort]
    """The port with this decision taken wrongly."""


CATALOGUE: dict[str, KnownDifference] = {}
"""Every known difference by its name."""


def known(name: str, *, rung: str, source: str) -> Callable[[type[TorchPort]], type[TorchPort]]:
    """Enter the port below under this name; its docstring is what a person reads of it."""

    def enter(port: type[TorchPort]) -> type[TorchPort]:
        CATALOGUE[name] = KnownDifference(rung, source, inspect.getdoc(port) or "", port)
        return port

    return enter


class PlantedFaults:
    """The catalogue for one experiment, as a diagnosis asks for it."""

    def __init__(
        self,
        experiment: Experiment,
        device: str = "cpu",
        wrap: Callable[[type[TorchPort]], type[TorchPort]] = lambda port: port,
    ) -> None:
        """`wrap` is what every port here is passed through, as `on_random_digits`."""
        self._experiment, self._device, self._wrap = experiment, device, wrap

    @property
    def entries(self) -> Mapping[str, KnownDifference]:
        """The known differences by name."""
        return CATALOGUE

    def port_with(self, names: Sequence[str]) -> TorchPort:
        """Return the sound port with these planted; the first named has the last word.

        Each is a class with one method replaced, so that several are one class that has them all
        as its bases.
        """
        bases = tuple(CATALOGUE[name].port for name in names)
        port = type(" and ".join(names), bases, {}) if bases else TorchPort
        return self._wrap(port)(self._experiment, self._device)
