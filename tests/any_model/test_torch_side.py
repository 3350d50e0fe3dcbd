"""The PyTorch side: the port's own step, watched, and everything put back."""

from typing import Any

import keras
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from keras_for_torch import CosineDecay, KerasAdam, KerasScheduler
from parity_ladder import LadderError, TorchSide, pair
from tests.any_model.small_models import (
    L,
    climbed,
    judged,
    numbers,
    regression,
    sgd_port,
    stepping,
)


def test_an_ordinary_port_holds_on_every_rung_that_it_shows() -> None:
    model = regression(L.Dense(3, activation="tanh"))
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
    result = climbed(model, sgd_port(model, net))
    assert result.holds, str(result)
    assert judged(result) >= {
        "parameter counts and shapes", "layer outputs", "loss", "gradients", "clipped gradients",
        "learning rate", "updated weights", "trajectory",
    }  # fmt: skip
    assert {rung.rung for rung in result.not_judged} <= {
        "data", "batches", "initial weights", "initial optimizer state", "optimizer state",
        "epoch metrics",
    }  # fmt: skip
    assert "the port's optimizer counts no updates" in str(result)  # SGD keeps nothing


def test_module_optimizer_and_scheduler_are_put_back() -> None:
    model = regression(L.Dense(3), L.BatchNormalization(), L.Dropout(0.3))
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    model.compile(keras.optimizers.Adam(schedule), "mean_squared_error")
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.3), nn.Linear(3, 1))
    optimizer = KerasAdam(net.parameters(), lr=0.1)
    scheduler = KerasScheduler(optimizer, CosineDecay(0.1, 10))
    train = stepping(net, optimizer)

    def step(x: Tensor, y: Tensor) -> None:
        train(x, y)
        scheduler.step()

    step(*(torch.from_numpy(part) for part in numbers()[0]))
    net.train()

    def everything() -> list[Any]:
        states = [value for kept in optimizer.state.values() for value in kept.values()]
        return [
            *(np.array(tensor) for tensor in net.state_dict().values()),
            *(np.array(value) for value in states if isinstance(value, Tensor)),
            [p.dtype for p in net.parameters()],
            [None if p.grad is None else np.array(p.grad) for p in net.parameters()],
            optimizer.param_groups[0]["lr"],
            scheduler.state_dict()["last_epoch"],
            torch.get_default_dtype(),
            torch.random.get_rng_state().tolist(),
        ]

    before = everything()
    pairs = pair(model, net, quiet=True)
    climbed(model, TorchSide(net, step, optimizer, pairs=pairs, scheduler=scheduler))
    for one, other in zip(before, everything(), strict=True):
        np.testing.assert_equal(one, other)
    step(*(torch.from_numpy(part) for part in numbers()[0]))  # and it can still be trained


def test_functional_calls_and_modules_in_plain_lists_are_seen() -> None:
    class Listed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = [nn.Linear(4, 3), nn.Linear(3, 1)]

        def forward(self, x: Tensor) -> Tensor:
            outputs: Tensor = self.layers[1](functional.elu(self.layers[0](x)))
            return outputs

    model = regression(L.Dense(3), L.ELU())
    net = Listed()
    optimizer = torch.optim.SGD([p for layer in net.layers for p in layer.parameters()], lr=0.1)
    port = TorchSide(net, stepping(net, optimizer), optimizer, pairs=pair(model, net, quiet=True))
    result = climbed(model, port)
    assert result.holds, str(result)
    assert result.not_compared == ()


@pytest.mark.parametrize("frozen", [False, True])
def test_a_part_that_is_left_unpaired_never_holds(frozen: bool) -> None:
    model = regression()
    identity = nn.Linear(1, 1)  # outputs and loss agree
    net = nn.Sequential(nn.Linear(4, 1), identity)
    with torch.no_grad():
        identity.weight.fill_(1)
        identity.bias.zero_()
    identity.requires_grad_(not frozen)
    result = climbed(model, sgd_port(model, net))
    assert not result.holds
    assert "1.weight is missing in theirs" in str(result.first_difference)


def test_a_part_that_is_frozen_and_unpaired_is_listed() -> None:
    model = regression(L.BatchNormalization(scale=False, momentum=0.9))
    net = nn.Sequential(nn.BatchNorm1d(4, eps=1e-3, momentum=0.1), nn.Linear(4, 1))
    net[0].weight.requires_grad_(False)
    result = climbed(model, sgd_port(model, net))
    left = [each for each in result.not_compared if "0.weight" in each]
    assert len(left) == 1
    assert "does not train" in left[0]


def test_a_normalization_whose_constants_are_written_into_the_port_is_listed() -> None:
    normalization = L.Normalization(name="scaling")
    normalization.adapt(np.concatenate([x for x, _ in numbers()]))
    model = keras.Sequential([keras.Input((4,)), normalization, L.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mean_squared_error")
    mean, variance = (torch.tensor(np.array(v)).double() for v in normalization.variables[:2])

    class Scaled(nn.Module):
        def __init__(self, mean: Tensor) -> None:
            super().__init__()
            self.head = nn.Linear(4, 1)
            self.mean = mean

        def forward(self, x: Tensor) -> Tensor:
            outputs: Tensor = self.head((x - self.mean) / variance.sqrt())
            return outputs

    result = climbed(model, sgd_port(model, Scaled(mean)))
    assert result.holds, str(result)
    assert any("scaling/mean" in each for each in result.not_compared)
    assert not climbed(model, sgd_port(model, Scaled(mean * 1.01))).holds


def test_a_layer_that_cannot_be_seen_is_listed_and_the_rest_is_judged() -> None:
    model = keras.Sequential(
        [
            keras.Input((3, 4)),
            L.LSTM(2, return_sequences=True, name="first"),
            L.LSTM(2, name="second"),
            L.Dense(1),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1), "mean_squared_error")

    class Stacked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(4, 2, num_layers=2, batch_first=True)
            self.head = nn.Linear(2, 1)
            for name, parameter in self.lstm.named_parameters():
                if name.startswith("bias_hh"):
                    parameter.requires_grad_(False).zero_()

        def forward(self, x: Tensor) -> Tensor:
            outputs: Tensor = self.head(self.lstm(x)[0][:, -1])
            return outputs

    source = np.random.default_rng(0)
    batches = [(source.normal(size=(5, 3, 4)), source.normal(size=(5, 1))) for _ in range(3)]
    result = climbed(model, sgd_port(model, Stacked()), batches)
    assert result.holds, str(result)
    assert [each.split(":")[1].strip() for each in result.not_compared] == ["first"]
    assert "layer outputs" in judged(result)


def test_a_port_in_float32_is_climbed_in_float32_and_the_result_says_so() -> None:
    class Hard(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 1)

        def forward(self, x: Tensor) -> Tensor:
            scaled = x.float() * torch.ones(4, dtype=torch.float32)
            outputs: Tensor = self.head(scaled)
            return outputs

    model = regression()
    result = climbed(model, sgd_port(model, Hard()), numbers(20))
    assert result.holds, str(result)
    assert result.dtype == "float32"
    assert any("both sides computed in float32" in note for note in result.notes)


def test_a_wrong_port_in_float32_is_rejected() -> None:
    class Hard(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 1)

        def forward(self, x: Tensor) -> Tensor:
            outputs: Tensor = self.head(x.float() * 1.01)
            return outputs

    model = regression()
    result = climbed(model, sgd_port(model, Hard()), numbers(20))
    assert not result.holds


def test_sample_weights_and_several_inputs_reach_the_step() -> None:
    inputs = [keras.Input((4,)), keras.Input((2,))]
    model = keras.Model(inputs, L.Dense(1)(L.Concatenate()(inputs)))
    model.compile(keras.optimizers.SGD(0.1), "mean_squared_error")
    net = nn.Linear(6, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step(x: tuple[Tensor, Tensor], y: Tensor, weights: Tensor) -> None:
        optimizer.zero_grad()
        errors = (net(torch.cat(x, 1)) - y).square().mean(1)
        (errors * weights).mean().backward()
        optimizer.step()

    source = np.random.default_rng(0)
    batches = [
        (
            (source.normal(size=(5, 4)), source.normal(size=(5, 2))),
            source.normal(size=(5, 1)),
            source.random(5),
        )
        for _ in range(3)
    ]
    port = TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True))
    result = climbed(model, port, batches)
    assert result.holds, str(result)


def test_losses_that_the_step_returns_are_compared_by_themselves() -> None:
    model = regression()
    model.layers[-1].kernel.regularizer = keras.regularizers.L2(0.01)
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step(x: Tensor, y: Tensor) -> dict[str, float]:
        optimizer.zero_grad()
        data_loss = functional.mse_loss(net(x), y)
        penalty = 0.02 * net.weight.square().sum()  # twice as much as Keras'
        (data_loss + penalty).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return {"data loss": data_loss.item(), "penalty": penalty.item()}

    port = TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True))
    result = climbed(model, port)
    assert "data loss" in judged(result)
    assert str(result.first_difference).startswith("penalty, step 0")


def test_metrics_of_the_epoch_are_compared_if_the_port_makes_them() -> None:
    model = regression()
    net = nn.Sequential(nn.Linear(4, 1))
    batches = [*numbers(2, size=5), *numbers(1, size=2)]

    def by_batch(losses: Any) -> dict[str, float]:
        return {"loss": float(sum(losses) / len(losses))}

    result = climbed(model, sgd_port(model, net, epoch_metrics=by_batch), batches)
    assert str(result.first_difference).startswith("epoch metrics, after the epoch: loss")

    def by_sample(losses: Any) -> dict[str, float]:
        sizes = (5, 5, 2)
        return {"loss": float(sum(n * loss for n, loss in zip(sizes, losses, strict=True))) / 12}

    result = climbed(model, sgd_port(model, net, epoch_metrics=by_sample), batches)
    assert result.holds, str(result)


def test_dropout_drops_the_same_values_on_both_sides() -> None:
    model = regression(L.Dense(8, activation="relu"), L.Dropout(0.5))
    drop = nn.Dropout(0.5)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), drop, nn.Linear(8, 1))
    result = climbed(model, sgd_port(model, net))
    assert result.holds, str(result)
    assert any("dropped the same values" in note for note in result.notes)

    drop.p = 0.4
    assert not climbed(model, sgd_port(model, net)).holds
    off = sgd_port(model, net, dropout="off")
    with pytest.raises(LadderError, match=r"rates \[0.4\], the reference at \[0.5\]"):
        climbed(model, off, dropout="off")
    with pytest.raises(LadderError, match="dropout is 'off' in the port, 'shared'"):
        climbed(model, off)
    drop.p = 0.5
    assert climbed(model, off, dropout="off").holds


def test_dropout_that_no_mask_can_reach_is_refused() -> None:
    model = keras.Sequential([keras.Input((3, 4)), L.LSTM(2), L.Dropout(0.5), L.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mean_squared_error")

    class Fused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(4, 2, 1, batch_first=True)
            self.lstm.dropout = 0.5
            self.head = nn.Linear(2, 1)

        def forward(self, x: Tensor) -> Tensor:
            outputs: Tensor = self.head(self.lstm(x)[0][:, -1])
            return outputs

    batches = [(np.ones((2, 3, 4)), np.ones((2, 1)))]
    with pytest.raises(LadderError, match=r"lstm \(LSTM\) drops values within one operation"):
        climbed(model, sgd_port(model, Fused()), batches)


def test_a_step_that_counts_by_itself_is_refused() -> None:
    model = regression()
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    train, calls = stepping(net, optimizer), []

    def step(x: Tensor, y: Tensor) -> None:
        calls.append(1)
        optimizer.param_groups[0]["lr"] = 0.1 / len(calls)
        train(x, y)

    port = TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True))
    with pytest.raises(LadderError, match="from the same state differ in its learning rate"):
        climbed(model, port)


@pytest.mark.parametrize("times", [0, 2])
def test_a_step_makes_one_update(times: int) -> None:
    model = regression()
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step(x: Tensor, y: Tensor) -> None:
        functional.mse_loss(net(x), y).backward()  # type: ignore[no-untyped-call]
        for _ in range(times):
            optimizer.step()

    port = TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True))
    with pytest.raises(LadderError, match=f"{times} times; accepted: once"):
        climbed(model, port)


def test_what_is_no_port_is_refused_in_a_sentence() -> None:
    model = regression()
    net, other = nn.Linear(4, 1), nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    pairs, step = pair(model, net, quiet=True), stepping(net, optimizer)
    scheduled = torch.optim.SGD(net.parameters(), lr=0.1)
    torch.optim.lr_scheduler.StepLR(scheduled, 1)
    wrong: list[tuple[Any, str]] = [
        (("net", step, optimizer), "module is of type str"),
        ((net, 3, optimizer), "step is of type int"),
        ((net, step, "sgd"), "optimizer is of type str"),
        ((other, step, optimizer), "pairs are of another module"),
        ((net, step, scheduled), "the optimizer has a scheduler"),
    ]
    for arguments, sentence in wrong:
        with pytest.raises(LadderError, match=sentence):
            TorchSide(*arguments, pairs=pairs)
    with pytest.raises(LadderError, match="dropout = 'none': accepted: shared or off"):
        TorchSide(net, step, optimizer, pairs=pairs, dropout="none")  # type: ignore[arg-type]


def test_a_bias_before_batch_norm_is_not_a_difference() -> None:
    """Its gradient is rounding alone, relative to itself anything, relative to the step nothing."""
    from keras_for_torch.batch_norm import KerasBatchNorm1d

    model = regression(L.Dense(6), L.BatchNormalization())
    model.compile(keras.optimizers.Adam(0.01), "mean_squared_error")
    net = nn.Sequential(nn.Linear(4, 6), KerasBatchNorm1d(6), nn.Linear(6, 1))
    optimizer = KerasAdam(net.parameters(), lr=0.01)
    port = TorchSide(net, stepping(net, optimizer), optimizer, pairs=pair(model, net, quiet=True))
    result = climbed(model, port, numbers(10))
    assert result.holds, str(result)


def test_a_gelu_that_tensorflow_rounds_is_not_a_difference() -> None:
    model = regression(L.Dense(6, activation="gelu"))
    net = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 1))
    result = climbed(model, sgd_port(model, net))
    assert result.holds, str(result)
    assert any(rung.rounding for rung in result.rungs)
    wrong = nn.Sequential(nn.Linear(4, 6), nn.GELU(approximate="tanh"), nn.Linear(6, 1))
    assert not climbed(model, sgd_port(model, wrong)).holds


def test_a_bilinear_resize_that_tensorflow_rounds_is_not_a_difference() -> None:
    inputs = keras.Input((4, 4, 2))
    outputs = L.Dense(1)(L.Flatten()(L.UpSampling2D(3, interpolation="bilinear")(inputs)))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.1), "mean_squared_error")

    class Resized(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(288, 1)

        def forward(self, x: Tensor) -> Tensor:
            large = functional.interpolate(
                x.permute(0, 3, 1, 2), scale_factor=3, mode="bilinear", align_corners=False
            )
            outputs: Tensor = self.head(large.permute(0, 2, 3, 1).flatten(1))
            return outputs

    source = np.random.default_rng(0)
    batches = [(source.normal(size=(3, 4, 4, 2)), source.normal(size=(3, 1))) for _ in range(3)]
    result = climbed(model, sgd_port(model, Resized(), 0.1), batches)
    assert result.holds, str(result)


def test_a_large_input_excuses_no_other_array() -> None:
    """The ulps of its statistics are large, those of the layers behind it are not."""
    model = regression(L.BatchNormalization(), L.Dense(3), L.BatchNormalization())
    x, y = numbers()[0]
    batches = [(x * 1e6 + 1.7e12, y) for _ in range(3)]
    first, second = nn.BatchNorm1d(4, eps=1e-3, momentum=0.01), nn.BatchNorm1d(3, eps=1e-3)
    net = nn.Sequential(first, nn.Linear(4, 3), second, nn.Linear(3, 1))
    second.momentum = 0.1  # Keras' is 0.01 in PyTorch's meaning
    result = climbed(model, sgd_port(model, net), batches)
    assert not result.holds, str(result)


def test_a_model_that_was_trained_can_be_climbed() -> None:
    model = regression()
    model.compile(keras.optimizers.Adam(0.01), "mean_squared_error")
    model.train_on_batch(*numbers()[0])
    net = nn.Linear(4, 1)
    optimizer = KerasAdam(net.parameters(), lr=0.01)
    port = TorchSide(net, stepping(net, optimizer), optimizer, pairs=pair(model, net, quiet=True))
    result = climbed(model, port)
    assert result.holds, str(result)
    assert any("the model was trained before" in note for note in result.notes)


def test_a_metric_in_float32_beside_the_loss_changes_nothing() -> None:
    model, net = regression(), nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        outputs = net(x)
        hits: Tensor = ((outputs > 0) == (y > 0)).float().mean()
        functional.mse_loss(outputs, y).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return hits

    port = TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True))
    assert climbed(model, port).dtype == "float64"


def test_a_convolution_in_float32_is_climbed_in_float32() -> None:
    model = keras.Sequential([keras.Input((4, 4, 1)), L.Conv2D(2, 3), L.Flatten(), L.Dense(1)])
    model.compile(keras.optimizers.SGD(0.01), "mean_squared_error")

    class Hard(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 2, 3), nn.Linear(8, 1)

        def forward(self, x: Tensor) -> Tensor:
            maps = self.conv(x.float().permute(0, 3, 1, 2))
            outputs: Tensor = self.head(maps.permute(0, 2, 3, 1).flatten(1))
            return outputs

    source = np.random.default_rng(0)
    batches = [(source.normal(size=(4, 4, 4, 1)), source.normal(size=(4, 1))) for _ in range(20)]
    result = climbed(model, sgd_port(model, Hard(), 0.01), batches)
    assert result.dtype == "float32"
    assert result.holds, str(result)


def test_a_closure_is_refused() -> None:
    model, net = regression(), nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step(x: Tensor, y: Tensor) -> None:
        def closure() -> float:
            optimizer.zero_grad()
            loss = functional.mse_loss(net(x), y)
            loss.backward()  # type: ignore[no-untyped-call]
            return float(loss)

        optimizer.step(closure)

    port = TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True))
    with pytest.raises(LadderError, match="a closure; accepted: a step that calls backward"):
        climbed(model, port)
