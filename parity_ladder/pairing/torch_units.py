"""The units of a PyTorch module, in the order in which its submodules were registered."""

from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from parity_ladder.pairing.units import Part, Unit

_KINDS: tuple[tuple[tuple[type, ...], str], ...] = (
    ((nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d), "conv_transpose"),
    ((nn.Conv1d, nn.Conv2d, nn.Conv3d), "conv"),
    ((nn.Linear,), "dense"),
    ((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm), "batch_norm"),
    ((nn.LayerNorm,), "layer_norm"),
    ((nn.GroupNorm,), "group_norm"),
    ((nn.RMSNorm,), "rms_norm"),
    ((nn.Embedding,), "embedding"),
    ((nn.PReLU,), "prelu"),
)
_CELLS = ((nn.LSTM, nn.LSTMCell, "lstm"), (nn.GRU, nn.GRUCell, "gru"), (nn.RNN, nn.RNNCell, "rnn"))
_ROLES = {
    "batch_norm": {
        "weight": "gamma", "bias": "beta", "running_mean": "moving_mean",
        "running_var": "moving_variance",
    },
    "layer_norm": {"weight": "gamma", "bias": "beta"},
    "group_norm": {"weight": "gamma", "bias": "beta"},
    "rms_norm": {"weight": "scale"},
    "embedding": {"weight": "embeddings"},
    "prelu": {"weight": "alpha"},
}  # fmt: skip
COUNTS = "num_batches_tracked"
"""A buffer of BatchNorm that only counts; Keras has none, and it changes nothing."""


def named_modules(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield every submodule with its name, those in plain lists and dicts too.

    PyTorch's own `named_modules` misses the latter.
    """
    waiting: list[tuple[str, nn.Module]] = [("", module)]
    seen: set[int] = set()
    while waiting:
        name, each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield name, each
        prefix = f"{name}." if name else ""
        children = [(f"{prefix}{n}", child) for n, child in each.named_children()]
        for attribute, value in vars(each).items():
            if attribute.startswith("_"):
                continue
            if isinstance(value, list | tuple):
                children += [
                    (f"{prefix}{attribute}.{place}", item)
                    for place, item in enumerate(value)
                    if isinstance(item, nn.Module)
                ]
            elif isinstance(value, dict):
                children += [
                    (f"{prefix}{attribute}.{key}", item)
                    for key, item in value.items()
                    if isinstance(item, nn.Module)
                ]
        waiting = children + waiting


def named_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return the parameters and buffers of all submodules by name, the counts of BatchNorm not."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, each in named_modules(module):
        prefix = f"{name}." if name else ""
        own = [*each.named_parameters(recurse=False), *each.named_buffers(recurse=False)]
        for tensor_name, tensor in own:
            if id(tensor) not in seen and tensor_name != COUNTS:
                seen.add(id(tensor))
                found[prefix + tensor_name] = tensor
    return found


def torch_units(module: nn.Module) -> list[Unit]:
    """Return the units of the module; of each module of its own kind, and of each tensor."""
    names = {id(tensor): name for name, tensor in named_tensors(module).items()}
    found: list[Unit] = []
    within_attention: set[int] = set()
    for name, each in named_modules(module):
        own = {
            tensor_name: tensor
            for tensor_name, tensor in [
                *each.named_parameters(recurse=False),
                *each.named_buffers(recurse=False),
            ]
            if id(tensor) in names and tensor_name != COUNTS
        }
        if isinstance(each, nn.MultiheadAttention):
            found.append(_attention(name, each, names))
            within_attention |= {id(part) for part in each.modules()} - {id(each)}
        elif own and id(each) not in within_attention:
            found += _units(name, each, own, names)
    return found


def module_of(unit: Unit) -> str:
    """Return the name of the module that holds a unit, which may be one layer of several in it."""
    return next(iter(unit.parts.values())).name.rpartition(".")[0]


def unit_of(name: str, module: nn.Module, of: nn.Module) -> list[Unit]:
    """Return the units of one submodule, with the names that its tensors have in `of`."""
    full = {id(tensor): n for n, tensor in named_tensors(of).items()}
    units = []
    for unit in torch_units(module):
        tensors = named_tensors(module)
        parts = {
            role: Part(
                full[id(tensors[part.name])],
                part.shape,
                part.first,
                full[id(tensors[part.also])] if part.also else None,
            )
            for role, part in unit.parts.items()
        }
        units.append(Unit(f"{name}.{unit.name}".strip("."), unit.layer, unit.kind, parts))
    return units


def _units(
    name: str, module: nn.Module, own: Mapping[str, Tensor], names: Mapping[int, str]
) -> list[Unit]:
    made = type(module).__name__

    def part(tensor: Tensor) -> Part:
        return Part(names[id(tensor)], tuple(tensor.shape))

    for network, cell, kind in _CELLS:
        if isinstance(module, network | cell):
            return _recurrent(name, made, kind, {n: part(t) for n, t in own.items()})
    kind = next((kind for classes, kind in _KINDS if isinstance(module, classes)), "")
    if not kind:  # parameters of a module of the user's own, each for itself
        return [Unit(f"{name}.{n}".strip("."), made, "", {n: part(t)}) for n, t in own.items()]
    if kind == "conv" and module.groups > 1 and module.groups == module.in_channels:  # type: ignore[operator]
        kind = "depthwise"
    roles = _ROLES.get(kind, {"weight": "kernel"})
    return [Unit(name, made, kind, {roles.get(n, n): part(t) for n, t in own.items()})]


def _recurrent(name: str, made: str, kind: str, own: Mapping[str, Part]) -> list[Unit]:
    """Return a unit for each layer and direction of a recurrent module."""
    ends = [n.removeprefix("weight_ih") for n in own if n.startswith("weight_ih")]
    units = []
    for end in ends:
        parts = {"kernel": own[f"weight_ih{end}"], "recurrent_kernel": own[f"weight_hh{end}"]}
        if f"bias_ih{end}" in own:
            first, second = own[f"bias_ih{end}"], own[f"bias_hh{end}"]
            if kind == "gru":
                parts |= {"bias/input": first, "bias/recurrent": second}
            else:
                parts["bias"] = Part(first.name, first.shape, also=second.name)
        units.append(Unit(f"{name}{end}", made, kind, parts))
    return units


def _attention(name: str, module: nn.MultiheadAttention, names: Mapping[int, str]) -> Unit:
    """Return the unit of an attention; three of its projections may be blocks of one tensor."""
    parts: dict[str, Part] = {}
    size = module.embed_dim
    for place, projection in enumerate(("query", "key", "value")):
        own = getattr(module, f"{projection[0]}_proj_weight")
        if own is not None:
            parts[f"{projection}/kernel"] = Part(names[id(own)], tuple(own.shape))
        else:
            whole = module.in_proj_weight
            parts[f"{projection}/kernel"] = Part(names[id(whole)], (size, size), place * size)
        if module.in_proj_bias is not None:
            bias = names[id(module.in_proj_bias)]
            parts[f"{projection}/bias"] = Part(bias, (size,), place * size)
    out = module.out_proj
    parts["attention_output/kernel"] = Part(names[id(out.weight)], tuple(out.weight.shape))
    if out.bias is not None:
        parts["attention_output/bias"] = Part(names[id(out.bias)], tuple(out.bias.shape))
    return Unit(name, type(module).__name__, "attention", parts)
