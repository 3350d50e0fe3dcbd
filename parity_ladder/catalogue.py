"""What a diagnosis needs to know of the known differences between two implementations."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from parity_ladder.side import B, Side


class KnownDifference(Protocol):
    """A mistake that ports often make, described for the reader of a result."""

    @property
    def rung(self) -> str:
        """The name of the first rung that it shows on."""

    @property
    def sentence(self) -> str:
        """What the mistake is, in one sentence."""


class Catalogue(Protocol[B]):
    """Known differences that can be planted in a sound port."""

    @property
    def entries(self) -> Mapping[str, KnownDifference]:
        """The known differences by name."""

    def port_with(self, names: Sequence[str]) -> Side[B]:
        """Return the sound port with these known differences planted; with none, the sound port.

        A port that raises an exception, here or in a step, is not considered as a cause.
        """
