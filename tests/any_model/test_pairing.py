"""What goes with what: by class, shape and order, by activations, and by hand over everything."""

from typing import Any

import keras
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from parity_ladder import LadderError, Pairs, TorchSide, pair
from tests.any_model.small_models import L, climbed, regression, sgd_port, stepping
from tests.random_models.keras_twin import SelfAttention


def carried(pairs: Pairs) -> dict[str, str]:
    """The Keras variables with the tensors that they are paired with."""
    return {each.theirs.name: str(each.ours) for each in pairs.variables}


def many_layers() -> tuple[keras.Model, nn.Module]:
    """A layer of every kind that is known, and the modules that correspond to them."""
    images, text = keras.Input((8, 8, 3)), keras.Input((6,), dtype="int32")
    x = L.Conv2D(4, 3)(images)
    x = L.DepthwiseConv2D(2, depth_multiplier=2)(x)
    x = L.SeparableConv2D(5, 2)(x)
    x = L.Conv2DTranspose(2, 2)(x)
    x = L.PReLU(shared_axes=(1, 2))(x)
    x = L.GroupNormalization(1)(L.BatchNormalization()(x))
    y = L.Embedding(7, 4)(text)
    y = L.Bidirectional(L.LSTM(3, return_sequences=True))(y)
    y = L.GRU(4, return_sequences=True)(y)
    y = L.SimpleRNN(4, return_sequences=True)(y)
    y = L.Conv1D(4, 2)(L.MultiHeadAttention(2, 2)(y, y))
    y = L.RMSNormalization()(L.LayerNormalization()(y))
    outputs = L.Dense(2)(L.Concatenate()([L.Flatten()(x), L.Flatten()(y)]))
    model = keras.Model([images, text], outputs)
    model.compile("sgd", "mse")
    module = nn.ModuleDict(
        {
            "conv": nn.Conv2d(3, 4, 3),
            "depthwise": nn.Conv2d(4, 8, 2, groups=4),
            "separable": nn.Conv2d(8, 8, 2, groups=8, bias=False),
            "pointwise": nn.Conv2d(8, 5, 1),
            "transposed": nn.ConvTranspose2d(5, 2, 2),
            "prelu": nn.PReLU(2),
            "batch": nn.BatchNorm2d(2),
            "group": nn.GroupNorm(1, 2),
            "embedding": nn.Embedding(7, 4),
            "lstm": nn.LSTM(4, 3, bidirectional=True, batch_first=True),
            "gru": nn.GRU(6, 4, batch_first=True),
            "rnn": nn.RNN(4, 4, batch_first=True),
            "attention": nn.MultiheadAttention(4, 2, batch_first=True),
            "conv1": nn.Conv1d(4, 4, 2),
            "norm": nn.LayerNorm(4),
            "rms": nn.RMSNorm(4),
            "head": nn.Linear(model.layers[-1].kernel.shape[0], 2),
        }
    )
    return model, module


def test_every_kind_of_layer_is_paired_and_its_layout_can_be_undone() -> None:
    model, module = many_layers()
    pairs = pair(model, module, quiet=True)
    assert pairs.unpaired_theirs == pairs.unpaired_ours == []
    assert all(each.layout is not None for each in pairs.variables)
    source = np.random.default_rng(0)
    theirs = {name: source.normal(size=shape) for name, shape in pairs.shapes.items()}
    ours = pairs.to_torch(theirs)
    back = pairs.to_keras(ours, added=True)
    assert back.keys() == theirs.keys()
    assert all(np.array_equal(back[name], theirs[name]) for name in theirs)


def test_the_table_names_both_sides_shapes_layout_and_what_is_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = regression(L.Dense(3), L.Activation("tanh"))
    pairs = pair(model, nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1), nn.Linear(9, 9)))
    table = str(pairs)
    assert table in capsys.readouterr().out
    assert "0.weight" in table
    assert "(in, out) -> (out, in)" in table
    assert "by order" in table
    assert "not paired, PyTorch: 2.weight: no layer is left in the model" in table


def test_a_square_kernel_is_never_taken_as_it_is() -> None:
    model = regression(L.Dense(4))
    pairs = pair(model, nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1)), quiet=True)
    kernel = np.arange(16.0).reshape(4, 4)
    name = next(iter(pairs.shapes))
    assert np.array_equal(pairs.to_torch({name: kernel})["0.weight"], kernel.T)


class InAnotherOrder(nn.Module):
    """Three layers of one shape, registered in another order than they are called in."""

    def __init__(self) -> None:
        super().__init__()
        self.third, self.first, self.second = (nn.Linear(4, 4) for _ in range(3))
        self.head = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the prediction, by the layers in the order of their names."""
        x = functional.relu(self.first(x))
        x = torch.tanh(self.second(x))
        outputs: Tensor = self.head(torch.sigmoid(self.third(x)))
        return outputs


def three_of_a_shape() -> keras.Model:
    layers = [L.Dense(4, activation=name) for name in ("relu", "tanh", "sigmoid")]
    return regression(*layers)


def test_layers_in_another_order_are_found_by_their_activations() -> None:
    model, net = three_of_a_shape(), InAnotherOrder()
    port = sgd_port(model, net)
    result = climbed(model, port)
    assert result.holds, str(result)
    modules = [tensor.removesuffix(".weight") for tensor in carried(port.pairs).values()]
    assert [m for m in modules if "." not in m] == ["first", "second", "third", "head"]
    assert any(note.startswith("paired by activations: ") for note in result.notes)


def test_a_wrong_layer_keeps_the_order_and_is_the_first_difference() -> None:
    class Wrong(InAnotherOrder):
        def forward(self, x: Tensor) -> Tensor:
            """Return the prediction, in the order of registration."""
            x = functional.relu(self.third(x))
            x = functional.relu(self.first(x))  # not tanh
            outputs: Tensor = self.head(torch.sigmoid(self.second(x)))
            return outputs

    result = climbed(model := three_of_a_shape(), sgd_port(model, Wrong()))
    assert not result.holds
    second = model.layers[1].name
    assert f"layer outputs, step 0: {second}[" in str(result.first_difference)


def test_what_is_said_by_hand_wins() -> None:
    model, net = three_of_a_shape(), InAnotherOrder()
    pairs = pair(model, net, quiet=True)
    for layer, module in zip(model.layers, (net.first, net.second, net.third), strict=False):
        pairs[layer.name] = module
    assert [match.how for match in pairs.matches[:3]] == ["by hand"] * 3
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    port = TorchSide(net, stepping(net, optimizer), optimizer, pairs=pairs)
    assert climbed(model, port).holds

    pairs[model.layers[0].name] = net.third  # wrong, and still it wins
    pairs[model.layers[2].name] = net.first
    assert not climbed(model, port).holds
    assert "by hand" in str(pairs)


def test_variables_can_be_paired_by_hand() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.matrix = nn.Parameter(torch.zeros(1, 4))
            self.shift = nn.Parameter(torch.zeros(1))

        def forward(self, x: Tensor) -> Tensor:
            return functional.linear(x, self.matrix, self.shift)

    model, net = regression(), Own()
    pairs = pair(model, net, quiet=True)
    assert not list(pairs.variables)
    kernel, bias = pairs.shapes
    pairs[kernel] = net.matrix
    pairs[bias] = "shift"
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    port = TorchSide(net, stepping(net, optimizer), optimizer, pairs=pairs)
    result = climbed(model, port)
    assert result.holds, str(result)


@pytest.mark.parametrize(
    ("name", "module", "sentence"),
    [
        ("none", "0", "no such layer in the model; accepted: dense"),
        ("dense", nn.Linear(4, 1), "it is no part of the module; accepted: 0"),
        ("dense/none", torch.zeros(1), "no such variable in the model; accepted: dense/kernel"),
        ("dense", 3, "= int: it is no module of the port; accepted for a layer: 0"),
        ("dense", "body", "= 'body': it is no module of the port; accepted for a layer: 0"),
        ("dense/kernel", torch.zeros(1), "it is no tensor of the module; accepted: 0.weight"),
    ],
)
def test_a_name_that_is_not_there_is_refused(name: str, module: Any, sentence: str) -> None:
    model = keras.Sequential([keras.Input((4,)), L.Dense(1, name="dense")])
    pairs = pair(model, nn.Sequential(nn.Linear(4, 1)), quiet=True)
    with pytest.raises(LadderError, match=sentence):
        pairs[name] = module


def test_what_has_no_counterpart_says_why() -> None:
    model = keras.Sequential([keras.Input((3, 4)), L.GRU(2, reset_after=False), L.Dense(1)])
    model.compile("sgd", "mse")
    net = nn.Sequential(nn.GRU(4, 2), nn.Linear(2, 1))
    pairs = pair(model, net, quiet=True)
    assert "PyTorch has no GRU that resets before the product" in str(pairs)
    batches = [(np.zeros((2, 3, 4)), np.zeros((2, 1)))]
    result = climbed(model, sgd_port(model, net), batches)
    assert not result.holds
    assert str(result.first_difference).startswith("parameter counts and shapes")
    assert any("gru_cell/kernel: PyTorch has no GRU that resets" in each for each in result.notes)


def test_a_model_that_is_not_built_is_refused() -> None:
    with pytest.raises(LadderError, match="has no variables yet"):
        pair(keras.Sequential([L.Dense(1)]), nn.Linear(4, 1))
    with pytest.raises(LadderError, match="model is of type str; accepted: a"):
        pair("model", nn.Linear(1, 1))
    with pytest.raises(LadderError, match="module is of type str"):
        pair(regression(), "net")  # type: ignore[arg-type]


def test_shapes_that_differ_are_the_first_difference() -> None:
    model = regression(L.Dense(3))
    result = climbed(model, sgd_port(model, nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 1))))
    assert "has shape (4, 2), not (4, 3)" in str(result.first_difference)


def test_query_key_and_value_may_be_one_matrix() -> None:
    model = keras.Sequential([keras.Input((5, 4)), SelfAttention(2, 2), L.Flatten(), L.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mean_squared_error")

    class Fused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.out, self.head = nn.Linear(4, 12), nn.Linear(4, 4), nn.Linear(20, 1)

        def forward(self, x: Tensor) -> Tensor:
            """Return the prediction from texts (batch, 5, 4)."""
            query, key, value = (
                part.view(-1, 5, 2, 2).transpose(1, 2) for part in self.qkv(x).chunk(3, -1)
            )
            heads = functional.scaled_dot_product_attention(query, key, value)
            outputs: Tensor = self.head(self.out(heads.transpose(1, 2).flatten(2)).flatten(1))
            return outputs

    source = np.random.default_rng(0)
    batches = [(source.normal(size=(3, 5, 4)), source.normal(size=(3, 1))) for _ in range(3)]
    port = sgd_port(model, Fused())
    result = climbed(model, port, batches)
    assert result.holds, str(result)
    assert [each for each in carried(port.pairs).values() if "qkv.weight" in each] == [
        "qkv.weight[0:4]", "qkv.weight[4:8]", "qkv.weight[8:12]",
    ]  # fmt: skip


class OwnDense(nn.Module):
    """A dense layer whose kernel is held as Keras does, (in, out), or transposed."""

    def __init__(self, outputs: int, *, is_transposed: bool = False) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(outputs, 4) if is_transposed else torch.zeros(4, outputs))
        self.b = nn.Parameter(torch.zeros(outputs))
        self.head, self.is_transposed = nn.Linear(outputs, 1), is_transposed

    def forward(self, x: Tensor) -> Tensor:
        """Return the prediction for x (batch, 4)."""
        kernel = self.w.T if self.is_transposed else self.w
        outputs: Tensor = self.head(x @ kernel + self.b)
        return outputs


@pytest.mark.parametrize("outputs", [3, 4])
@pytest.mark.parametrize("is_transposed", [False, True])
def test_a_kernel_may_be_held_in_either_order(outputs: int, *, is_transposed: bool) -> None:
    model, net = (
        regression(L.Dense(outputs, name="own")),
        OwnDense(outputs, is_transposed=is_transposed),
    )
    port = sgd_port(model, net)
    port.pairs["own/kernel"] = net.w.T if is_transposed else net.w
    port.pairs["own/bias"] = net.b
    result = climbed(model, port)
    assert result.holds, str(result)


def test_a_square_kernel_of_a_module_of_ones_own_is_taken_as_it_is_and_the_table_says_so() -> None:
    model, net = regression(L.Dense(4, name="own")), OwnDense(4, is_transposed=True)
    port = sgd_port(model, net)
    port.pairs["own/kernel"], port.pairs["own/bias"] = net.w, net.b
    assert "if the module holds it transposed, pair its .T" in str(port.pairs)
    assert str(climbed(model, port).first_difference).startswith("layer outputs")


def test_slopes_of_every_pixel_are_paired_with_the_channels_first() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.slopes, self.head = nn.Parameter(torch.zeros(2, 3, 4)), nn.Linear(24, 1)

        def forward(self, x: Tensor) -> Tensor:
            """Return the prediction for images (batch, 3, 4, 2)."""
            x = x.permute(0, 3, 1, 2)
            x = torch.where(x > 0, x, self.slopes * x)
            outputs: Tensor = self.head(x.permute(0, 2, 3, 1).flatten(1))
            return outputs

    model = keras.Sequential(
        [keras.Input((3, 4, 2)), L.PReLU("normal", name="prelu"), L.Flatten(), L.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(0.1), "mean_squared_error")
    port = sgd_port(model, net := Own())
    port.pairs["prelu/alpha"] = net.slopes
    source = np.random.default_rng(0)
    batches = [(source.normal(size=(5, 3, 4, 2)), source.normal(size=(5, 1))) for _ in range(3)]
    result = climbed(model, port, batches)
    assert result.holds, str(result)


def test_a_kernel_of_the_same_shape_but_other_axes_differs_in_its_shape() -> None:
    model = keras.Sequential([keras.Input((9, 8)), L.Conv1D(8, 3, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.1), "mean_squared_error")
    net = nn.Sequential(nn.Conv1d(8, 3, 8, bias=False))  # (out 3, in 8, window 8)
    result = climbed(model, sgd_port(model, net), [(np.zeros((2, 9, 8)), np.zeros((2, 7, 8)))])
    assert "has shape (8, 8, 3), not (3, 8, 8)" in str(result.first_difference)


def test_the_pairs_of_a_layer_or_a_variable_can_be_read() -> None:
    model = keras.Sequential([keras.Input((4,)), L.Dense(1, name="dense")])
    pairs = pair(model, nn.Sequential(nn.Linear(4, 1)), quiet=True)
    assert [each.ours.name for each in pairs["dense"]] == ["0.weight", "0.bias"]
    (kernel,) = pairs["dense/kernel"]
    assert (
        str(kernel) == "<dense/kernel, (4, 1), 0.weight, (1, 4), (in, out) -> (out, in), by order>"
    )
    with pytest.raises(LadderError, match=r"\['none'\]: accepted: dense, dense/bias, dense/kernel"):
        pairs["none"]


def test_a_layer_s_pairs_are_those_of_both_its_directions() -> None:
    model = keras.Sequential([keras.Input((5, 4)), L.Bidirectional(L.LSTM(3), name="both")])
    pairs = pair(model, nn.LSTM(4, 3, bidirectional=True), quiet=True)
    assert len(pairs["both"]) == len(pairs.shapes) == 6


def test_layers_without_a_variable_in_common_are_not_paired_by_hand() -> None:
    model = keras.Sequential([keras.Input((4,)), L.Dense(4, name="dense")])
    pairs = pair(model, nn.ModuleDict({"norm": nn.LayerNorm(4)}), quiet=True)
    sentence = r"no variable of a Dense \(kernel, bias\) goes with one of a LayerNorm"
    with pytest.raises(LadderError, match=sentence):
        pairs["dense"] = "norm"


def test_pairs_of_another_model_are_refused() -> None:
    port = sgd_port(regression(), nn.Sequential(nn.Linear(4, 1)))
    with pytest.raises(LadderError, match="pairs are of another model, since the reference has no"):
        climbed(regression(), port)


def test_what_lies_within_a_fused_attention_is_listed_as_such() -> None:
    """PyTorch computes query, key and value in one operation, in which nothing can be seen."""
    model = keras.Sequential([keras.Input((5, 4)), SelfAttention(2, 2), L.Flatten(), L.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mean_squared_error")

    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
            self.head = nn.Linear(20, 1)

        def forward(self, x: Tensor) -> Tensor:
            """Return the prediction from texts (batch, 5, 4)."""
            outputs: Tensor = self.head(self.attention(x, x, x, need_weights=False)[0].flatten(1))
            return outputs

    source = np.random.default_rng(0)
    batches = [(source.normal(size=(3, 5, 4)), source.normal(size=(3, 1))) for _ in range(3)]
    result = climbed(model, sgd_port(model, Attending()), batches)
    assert result.holds, str(result)
    told = {each.rpartition("/")[2] for each in result.not_compared}
    reason = "the port computes it within one operation of PyTorch"
    assert {f"{name}: {reason}" for name in ("query", "key", "value")} <= told, result.not_compared
