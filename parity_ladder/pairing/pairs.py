"""The pairing of a Keras model's variables with a PyTorch module's tensors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tabulate import tabulate
from torch import Tensor, nn
from tqdm import tqdm

from parity_ladder.errors import LadderError
from parity_ladder.pairing.by_hand import is_module, layer_by_hand, variable_by_hand
from parity_ladder.pairing.keras_units import adapted_variables, keras_units
from parity_ladder.pairing.layouts import Layout, layout_of, layout_of_view, shape_in_keras
from parity_ladder.pairing.matching import Match, match
from parity_ladder.pairing.torch_units import named_tensors, torch_units
from parity_ladder.pairing.units import Part, Unit

if TYPE_CHECKING:
    import keras

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, repr=False)
class PairedVariable:
    """A Keras variable, or a block of it, and the tensor that it corresponds to."""

    theirs: Part
    ours: Part
    layout: Layout | None
    """None for shapes that do not go with each other."""
    shape_in_keras: tuple[int, ...]
    """The tensor's shape with its axes in Keras' order, as far as that is known."""
    layer: str
    """The name of the Keras unit."""
    how: str

    @property
    def row(self) -> tuple[object, ...]:
        """The names, shapes and layout as a row of the table."""
        text = self.layout.text if self.layout else "SHAPES DIFFER"
        ours = str(self.ours), self.ours.shape
        return self.theirs.name, self.theirs.shape, *ours, text, self.how

    def __repr__(self) -> str:
        return f"<{', '.join(map(str, self.row))}>"


def pair(model: "keras.Model", module: nn.Module, *, quiet: bool = False) -> "Pairs":
    """Pair the variables of a built Keras model with the tensors of a module, and print the table.

    They are paired by the class of the layer, the shapes and the order. Where several layers would
    fit, the climb itself checks the order by the layers' outputs. What you say by hand wins:

        pairs["lstm"] = module.rnn                  # a layer and a module
        pairs["dense/kernel"] = module.head.weight  # a variable and a parameter or buffer

    Raises `LadderError` for a model that is not built.
    """
    import keras

    from parity_ladder.keras_side.names import variable_names

    if not isinstance(model, keras.Model):
        raise LadderError(f"model is of type {type(model).__name__}; accepted: a keras.Model")
    if not model.built or not model.variables:
        raise LadderError(
            f"model {model.name} has no variables yet; accepted: a built model, for example after"
            " it was called with one batch"
        )
    if not isinstance(module, nn.Module):
        raise LadderError(f"module is of type {type(module).__name__}; accepted: a torch nn.Module")
    variables = variable_names(model)
    names = {id(variable): name for name, variable in variables.items()}
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    trainable = [names[id(variable)] for variable in model.trainable_variables]
    pairs = Pairs(keras_units(model, names), shapes, module, trainable)
    pairs.adapted = [name for name in adapted_variables(model, names) if name in shapes]
    if not quiet:
        tqdm.write(str(pairs))
    return pairs


class Pairs:
    """What goes with what, as a table that can be printed and changed by hand."""

    def __init__(
        self,
        theirs: Sequence[Unit],
        shapes: Mapping[str, tuple[int, ...]],
        module: nn.Module,
        trainable: Sequence[str],
    ) -> None:
        self.module = module
        self.trainable = list(trainable)
        """The names of the Keras variables that have gradients."""
        self.adapted: list[str] = []
        """Those that `adapt` sets before training, and that never change in it."""
        self._theirs, self._shapes = list(theirs), dict(shapes)
        self._ours = torch_units(module)
        self._by_hand: list[Match] = []
        self.matches = match(self._theirs, self._ours)

    def __setitem__(self, name: str, ours: nn.Module | Tensor | str) -> None:
        """Pair a Keras layer with a module, or a variable with a tensor; each may be a name.

        A tensor's view with its axes in another order, such as `module.w.T`, says that the variable
        is what the view shows. Raises `LadderError` for a name or an object that is not there.
        """
        if is_module(ours, self.module):
            new = layer_by_hand(name, ours, self._theirs, self.module)
        else:
            shape = self._shapes.get(name)
            new = [variable_by_hand(name, ours, self._theirs, shape, self._ours, self.module)]
        taken = {(part.name, part.first) for each in new for part in each.theirs.parts.values()}
        self._by_hand = [
            each
            for each in self._by_hand
            if not taken & {(part.name, part.first) for part in each.theirs.parts.values()}
        ] + new
        self.matches = match(self._theirs, self._ours, self._by_hand)

    def __getitem__(self, name: str) -> list[PairedVariable]:
        """Return the pairs of a Keras layer or variable; none if it is not paired.

        Raises `LadderError` for a name that is not there.
        """
        of_the_layer = {
            part.name for unit in self._theirs if unit.is_of(name) for part in unit.parts.values()
        }
        if not of_the_layer and name not in self._shapes:
            names = {*self._shapes, *(unit.name for unit in self._theirs)}
            raise LadderError(f"pairs[{name!r}]: accepted: {', '.join(sorted(names))}")
        return [each for each in self.variables if each.theirs.name in {name, *of_the_layer}]

    def exchange(self, one: Match, other: Match | Unit, how: str) -> None:
        """Give the Keras unit of `one` the PyTorch unit of `other`, and the other way round."""
        new = [Match(one.theirs, other.ours if isinstance(other, Match) else other, how)]
        if isinstance(other, Match):
            new.append(Match(other.theirs, one.ours, how))
        self.matches = [each for each in self.matches if each not in (one, other)] + new

    @property
    def variables(self) -> Iterator[PairedVariable]:
        """Yield each pair of variables, in the order of the Keras model."""
        names = {name: place for place, name in enumerate(self._shapes)}
        found = []
        for each in self.matches:
            for role, theirs in each.theirs.parts.items():
                if role in each.ours.parts:
                    ours = each.ours.parts[role]
                elif not each.theirs.kind and len(each.ours.parts) == 1:
                    (ours,) = each.ours.parts.values()
                else:
                    continue
                kind = each.theirs.kind
                layout = (
                    layout_of(kind, role, theirs.shape, ours.shape)
                    if ours.axes is None
                    else layout_of_view(ours.axes, theirs.shape, ours.shape)
                )
                shape = shape_in_keras(kind, role, ours.shape)
                found.append(
                    PairedVariable(theirs, ours, layout, shape, each.theirs.name, each.how)
                )
        yield from sorted(found, key=lambda each: names[each.theirs.name])

    @property
    def by_activations(self) -> list[Match]:
        """The pairs that were found by the layers' outputs, not by their order."""
        return [each for each in self.matches if each.how == "by activations"]

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The shapes of the Keras model's variables."""
        return self._shapes

    @property
    def unpaired_theirs(self) -> list[str]:
        """The Keras variables that have no counterpart."""
        paired = {each.theirs.name for each in self.variables}
        return [name for name in self._shapes if name not in paired]

    @property
    def unpaired_ours(self) -> list[str]:
        """The module's tensors that have no counterpart."""
        paired = {each.ours.name for each in self.variables}
        paired |= {each.ours.also for each in self.variables if each.ours.also}
        return [name for name in named_tensors(self.module) if name not in paired]

    def why_unpaired(self, name: str) -> str:
        """Return why a Keras variable or a tensor has no counterpart."""
        for unit in self._theirs:
            if name in {part.name for part in unit.parts.values()}:
                if unit.because:
                    return unit.because
                kind = f"of the kind {unit.kind}" if unit.kind else "of a kind not known here"
                return f"no {unit.layer} {kind} is left in the module with such a variable"
        own = {part.name for u in self._ours if not u.kind for part in u.parts.values()}
        hint = "; if one is this tensor, say pairs['name of the variable'] = the tensor"
        return "no layer is left in the model with such a variable" + (hint if name in own else "")

    def __str__(self) -> str:
        columns = ("Keras", "shape", "PyTorch", "shape", "layout", "paired")
        lines = [tabulate([each.row for each in self.variables], columns)]
        for whose, names in (("Keras", self.unpaired_theirs), ("PyTorch", self.unpaired_ours)):
            lines += [f"not paired, {whose}: {n}: {self.why_unpaired(n)}" for n in names]
        return "\n".join(lines)

    # Arrays from one side to the other

    def to_torch(self, arrays: Arrays, *, added: bool = True) -> dict[str, NDArray[Any]]:
        """Return arrays by Keras' names as arrays by PyTorch's, in PyTorch's layout.

        `added`: whether PyTorch adds its tensor to another one, which is zero then, as for weights;
        otherwise both get the same array, as for gradients.
        """
        found: dict[str, NDArray[Any]] = {}
        shapes = {name: tuple(t.shape) for name, t in named_tensors(self.module).items()}
        for each in self.variables:
            if each.theirs.name not in arrays or each.layout is None:
                continue
            array = arrays[each.theirs.name]
            block = array if each.theirs.block is None else array[each.theirs.block]
            there = found.setdefault(each.ours.name, np.zeros(shapes[each.ours.name], array.dtype))
            there[each.ours.block or ...] = each.layout.to_torch(block)
            if each.ours.also:
                found[each.ours.also] = np.zeros_like(there) if added else there.copy()
        return found

    def to_keras(self, arrays: Arrays, *, added: bool) -> dict[str, NDArray[Any]]:
        """Return arrays by PyTorch's names as arrays by Keras', in Keras' layout.

        `added`: whether a tensor that PyTorch adds to another one is added here, as for weights;
        otherwise the first one is taken, as for gradients.
        """
        found: dict[str, NDArray[Any]] = {}
        for each in self.variables:
            if each.ours.name not in arrays or each.layout is None:
                continue
            array = arrays[each.ours.name]
            if added and each.ours.also and each.ours.also in arrays:
                array = array + arrays[each.ours.also]
            block = array if each.ours.block is None else array[each.ours.block]
            theirs = each.theirs
            there = found.setdefault(theirs.name, np.zeros(self._shapes[theirs.name], block.dtype))
            there[theirs.block or ...] = each.layout.to_keras(block)
        return found
