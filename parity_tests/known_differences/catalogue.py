"""The catalogue of known differences: its entries, and the port with some of them planted."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cnn_experiment import Experiment
from parity_tests.torch_side import TorchPort


@dataclass(frozen=True)
class KnownDifference:
    """One decision that ports often take wrongly."""

    rung: str
    """The name of the rung where the ladder must find it."""
    source: str
    """Why ports make this mistake: a file of a framework, an article, or a common habit."""
    sentence: str
    """What the port does wrongly, in one line that ends in a full stop. Reports quote it."""
    port: type[TorchPort]
    """The port with this decision taken wrongly."""


CATALOGUE: dict[str, KnownDifference] = {}
"""Every known difference by its name."""


def known(name: str, *, rung: str, source: str) -> Callable[[type[TorchPort]], type[TorchPort]]:
    """Add the decorated port to the catalogue under this name; its docstring is the sentence."""

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
        """`wrap` is applied to the class of every port, such as `on_random_digits`."""
        self._experiment, self._device, self._wrap = experiment, device, wrap

    @property
    def entries(self) -> Mapping[str, KnownDifference]:
        """The known differences by name."""
        return CATALOGUE

    def port_with(self, names: Sequence[str]) -> TorchPort:
        """Return the sound port with these planted.

        Each known difference is a class with one method replaced, so several of them are the bases
        of one class. Where two replace the same method, the one that is named first is called.
        """
        bases = tuple(CATALOGUE[name].port for name in names)
        port = type(" and ".join(names), bases, {}) if bases else TorchPort
        return self._wrap(port)(self._experiment, self._device)
