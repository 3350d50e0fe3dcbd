"""The names of the arrays in a PyTorch `state_dict`, and the neutral names that belong to them."""

import json
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

from cnn_experiment.errors import UserError, shortened
from cnn_experiment.formats.torch_layout import torch_name
from cnn_experiment.settings.network import Network
from cnn_experiment.value import accepted

_LONGEST = 2**20
_EXAMPLE = 'a JSON object such as {"features.0.weight": "conv2d_1/kernel"}'


def read_names(file: Path | str) -> dict[str, str]:
    """Return the neutral names by the names in a `state_dict`, from a JSON object in a file.

    Raises `UserError` for any other content. Whether the neutral names are those of a network is
    checked by `neutral_names`.
    """
    file = Path(file)
    if not file.is_file():  # reading from a pipe could wait without end
        raise UserError(f"names = {file}: it is not a file; accepted: {_EXAMPLE}")
    if file.stat().st_size > _LONGEST:
        raise UserError(
            f"names = {file}: it has {file.stat().st_size} bytes; accepted: at most {_LONGEST}"
        )
    try:
        names = json.loads(file.read_bytes(), object_pairs_hook=_each_once)
    except UserError as error:
        raise UserError(f"names = {file}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"names = {file}: it is not JSON ({error}); accepted: {_EXAMPLE}"
        ) from error
    if not isinstance(names, dict):
        raise UserError(f"names = {file}: it holds {shortened(names)}; accepted: {_EXAMPLE}")
    return names


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, str]:
    """Return the pairs of a JSON object; `json` itself would keep only the last of two."""
    names: dict[str, str] = {}
    for theirs, ours in pairs:
        if theirs in names:
            raise UserError(f"{shortened(theirs)} is there twice; accepted: each once")
        if not isinstance(ours, str):
            raise UserError(
                f"{shortened(theirs)} = {shortened(ours)}; accepted: a name of ours, such as"
                " conv2d_1/kernel"
            )
        names[theirs] = ours
    return names


def neutral_names(network: Network, names: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return the neutral name of each array of a `state_dict`; that of `torch_cnn` if None.

    Raises `UserError` unless `names` has each neutral name of the network once.
    """
    variables = network.variable_shapes()
    if names is None:
        return {torch_name(name): name for name in variables}
    ((most, times),) = Counter(names.values()).most_common(1) or [("", 0)]
    if times > 1:
        raise UserError(f"names: {shortened(most)} is there {times} times; accepted: each once")
    try:
        must_be_named(names.values(), variables)
    except UserError as error:
        raise UserError(f"names: {error}") from error
    return names


def must_be_named(arrays: Collection[str], names: Collection[str]) -> None:
    """Raise `UserError` unless the arrays have exactly these names, in any order."""
    for name in [*arrays, *names]:
        if (name in arrays) != (name in names):
            state = "is unknown" if name in arrays else "is missing"
            raise UserError(f"{shortened(name)} {state}; {accepted([*names])}")
