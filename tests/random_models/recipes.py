"""A recipe of a small random model: what both twins are built from."""

from dataclasses import dataclass

from hypothesis import strategies as st

ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid", "elu", "silu", "softplus", "gelu")
ON_IMAGES = (
    "conv", "transposed", "depthwise", "separable", "max_pool", "average_pool", "batch_norm",
    "group_norm", "prelu", "dropout", "activation", "upsampling",
)  # fmt: skip
ON_SEQUENCES = (
    "conv", "lstm", "gru", "rnn", "bidirectional", "layer_norm", "attention", "dense", "dropout",
    "batch_norm",
)  # fmt: skip
LOSSES = ("mean_squared_error", "mean_absolute_error", "huber", "classes", "binary")
OPTIMIZERS = ("sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad")
CLIPPINGS = ("", "clipnorm", "clipvalue", "global_clipnorm")


@dataclass(frozen=True)
class Piece:
    """One layer. Not every kind uses every setting."""

    kind: str
    size: int = 1
    """Filters or units; the rate of a dropout in tenths."""
    window: int = 1
    stride: int = 1
    same: bool = False
    """Whether the padding is `same`, not `valid`."""
    activation: str = "linear"
    bias: bool = True


@dataclass(frozen=True)
class Recipe:
    """A whole model: layers on images or sequences, then a dense layer, a loss, an optimizer."""

    pieces: tuple[Piece, ...] = ()
    sequence: bool = False
    """Whether the inputs are sequences (steps, features), not images (height, width, channels)."""
    tokens: bool = False
    """Whether the sequences are whole numbers, for an embedding."""
    length: int = 5
    """The height and width of images, or the number of steps."""
    channels: int = 1
    loss: str = "mean_squared_error"
    optimizer: str = "sgd"
    clipping: str = ""
    penalty: bool = False
    """Whether the last layer has an L2 penalty."""


def _pieces(kinds: tuple[str, ...]) -> st.SearchStrategy[tuple[Piece, ...]]:
    piece = st.builds(
        Piece,
        kind=st.sampled_from(("", *kinds)),  # Hypothesis makes a choice simpler, but drops no piece
        size=st.integers(1, 3),
        window=st.integers(1, 3),
        stride=st.integers(1, 2),
        same=st.booleans(),
        activation=st.sampled_from(ACTIVATIONS),
        bias=st.booleans(),
    )
    return st.lists(piece, max_size=4).map(lambda drawn: tuple(each for each in drawn if each.kind))


def recipes() -> st.SearchStrategy[Recipe]:
    """Return a strategy for recipes; the smallest is one dense layer with plain SGD."""
    shared = {
        "length": st.integers(4, 7),
        "channels": st.sampled_from((2, 1, 3)),  # 2 is the simplest: of 1, a norm makes zeros
        "loss": st.sampled_from(LOSSES),
        "optimizer": st.sampled_from(OPTIMIZERS),
        "clipping": st.sampled_from(CLIPPINGS),
        "penalty": st.booleans(),
    }
    images = st.builds(Recipe, pieces=_pieces(ON_IMAGES), **shared)
    sequences = st.builds(
        Recipe,
        pieces=_pieces(ON_SEQUENCES),
        sequence=st.just(True),
        tokens=st.booleans(),
        **shared,
    )
    return st.one_of(images, sequences).filter(_can_be_ported)


def _can_be_ported(recipe: Recipe) -> bool:
    """Return whether PyTorch has a twin: Keras clips both biases of a GRU as one variable."""
    has_gru = any(piece.kind == "gru" and piece.bias for piece in recipe.pieces)
    return not (has_gru and recipe.sequence and recipe.clipping == "clipnorm")
