"""On CUDA: the same computation as on the processor. A pretended device where there is none."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from torch import Tensor, nn

import torch_cnn
from cnn_experiment import Checkpoint, Digits, Experiment, read_checkpoint
from keras_for_torch import KerasAdam
from parity_ladder import KerasSide, LadderError, TorchSide, assert_arrays_close, climb, pair
from parity_tests.climbing import climb_experiment
from parity_tests.keras_side import KerasReference
from parity_tests.random_digits import random_digits
from parity_tests.small import small_experiment
from parity_tests.test_resume import States
from parity_tests.torch_side import TorchPort
from parity_tests.what_runs import keep_keras_on_the_processor
from tests.any_model.small_models import eagerly, numbers, regression
from tests.pretend_cuda import pretending_cuda
from tests.running_scripts import kept_as_it_was, run_in_a_process
from torch_cnn.process import exact_on_cuda

STEPS = 5
CLOSE = 1e-12


@pytest.fixture(params=["pretended", pytest.param("real", marks=pytest.mark.cuda)])
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kind of CUDA device, while `device="cuda"` gives it."""
    if request.param == "pretended":
        with pretending_cuda():
            yield "pretended"
    else:
        keep_keras_on_the_processor()
        exact_on_cuda()
        yield "real"


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    """Two epochs of five batches, the last one short."""
    return small_experiment(STEPS).with_changes(epochs=2)


@pytest.fixture(scope="module")
def digits(experiment: Experiment) -> Digits:
    return random_digits(experiment)


def trained_on(
    device: str, experiment: Experiment, digits: Digits, start: Checkpoint | None = None
) -> dict[int, Checkpoint]:
    """All states of a training, by the count of updates; its tensors were on the device."""
    kept = States()
    model, _ = torch_cnn.train(experiment, digits, device=device, keeper=kept, start=start)
    assert {each.device.type for each in model.parameters()} == {device}
    return kept.after


def assert_same(ours: Checkpoint, theirs: Checkpoint, limit: float) -> None:
    assert_arrays_close(ours.weights, theirs.weights, limit)
    assert_arrays_close(ours.optimizer_state, theirs.optimizer_state, limit)
    for one, other in zip(ours.history, theirs.history, strict=True):
        assert (one.accuracy, one.val_accuracy) == (other.accuracy, other.val_accuracy)
        assert one.loss == pytest.approx(other.loss, rel=0, abs=limit)
        assert one.val_loss == pytest.approx(other.val_loss, rel=0, abs=limit)


@pytest.mark.usefixtures("kind")
def test_a_training_is_that_of_the_processor(experiment: Experiment, digits: Digits) -> None:
    ours = trained_on("cuda", experiment, digits)
    theirs = trained_on("cpu", experiment, digits)
    assert list(ours) == list(range(1, 2 * STEPS + 1))
    for iteration, state in ours.items():
        assert_same(state, theirs[iteration], CLOSE)


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_resumed_training_is_the_one_that_stayed(
    experiment: Experiment, dtype: Any, tmp_path: Any
) -> None:
    experiment = experiment.with_changes(dtype=dtype)
    digits = random_digits(experiment)
    stayed = trained_on("cuda", experiment, digits)
    for stop in (2, STEPS, STEPS + 3):
        (tmp_path / "state").write_bytes(stayed[stop].to_bytes())
        went = trained_on("cuda", experiment, digits, read_checkpoint(tmp_path / "state"))
        assert list(went) == list(range(stop + 1, 2 * STEPS + 1))
        for iteration, state in went.items():
            assert_same(state, stayed[iteration], 0.0)


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize(("giver", "taker"), [("cpu", "cuda"), ("cuda", "cpu")])
def test_a_hand_over_between_the_devices(
    giver: str, taker: str, experiment: Experiment, digits: Digits
) -> None:
    stayed = trained_on(giver, experiment, digits)
    went = trained_on(taker, experiment, digits, stayed[3])
    assert_same(went[2 * STEPS], stayed[2 * STEPS], CLOSE)


@pytest.mark.usefixtures("kind")
def test_what_a_network_sees_is_the_same(experiment: Experiment, digits: Digits) -> None:
    model = torch_cnn.build_model(experiment)
    images = digits.test_images_nhwc
    there = torch_cnn.build_model(experiment).to("cuda")
    assert there.device.type == "cuda"
    np.testing.assert_allclose(
        torch_cnn.predict(there, images), torch_cnn.predict(model, images), rtol=0, atol=CLOSE
    )
    assert_arrays_close(
        torch_cnn.layer_outputs(there, images), torch_cnn.layer_outputs(model, images), CLOSE
    )


def test_the_ladder_holds(kind: str, experiment: Experiment) -> None:
    port = TorchPort(experiment, "cuda")
    assert port.model.device.type == "cuda"
    result = climb_experiment(port, KerasReference(experiment))
    assert result.holds, (kind, result.verdict)
    assert all(rung.passed for rung in result.rungs if rung.rung != "metrics")


class Net(nn.Module):
    """The port of `regression` with a hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.head = nn.Linear(4, 3), nn.Linear(3, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the predictions."""
        outputs: Tensor = self.head(torch.relu(self.hidden(inputs)))
        return outputs


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize("slope", [1.0, 1.001])
def test_a_module_of_one_s_own_climbs(slope: float) -> None:
    model = regression(keras.layers.Dense(3, activation="relu"))
    model.compile(keras.optimizers.Adam(1e-2), "mean_squared_error")
    net = Net().to("cuda")
    optimizer = KerasAdam(net.parameters(), lr=1e-2)

    def step(inputs: Tensor, targets: Tensor) -> None:
        optimizer.zero_grad()
        assert inputs.device.type == "cuda"
        loss = slope * (net(inputs) - targets).square().mean()
        loss.backward()
        optimizer.step()

    with eagerly():
        side = TorchSide(net, step, optimizer, pairs=pair(model, net))
        result = climb(side, KerasSide(model), numbers(), steps=3)
    assert result.holds == (slope == 1), result.verdict


def test_a_tensor_left_on_the_processor_is_found(experiment: Experiment, digits: Digits) -> None:
    with pretending_cuda():
        model = torch_cnn.build_model(experiment).to("cuda")
        images = torch.from_numpy(digits.train_images_nhwc[:4]).permute(0, 3, 1, 2)
        with pytest.raises(RuntimeError, match="to be on the same device"):
            model.logits(images)
        with pytest.raises(RuntimeError, match="to be on the same device"):
            model.data_loss(model.logits(images.to("cuda")), torch.zeros(4, dtype=torch.int64))
        with pytest.raises(TypeError, match=r"Use Tensor\.cpu"):
            model.logits(images.to("cuda")).numpy()


def test_a_single_number_on_the_processor_is_taken_where_cuda_takes_it() -> None:
    with pretending_cuda():
        number, there = torch.tensor(2.0), torch.ones(3, device="cuda")
        assert (there * number).tolist() == [2.0] * 3
        total = there.sum()
        refused: list[Callable[[], Tensor]] = [
            lambda: number.add_(total),
            lambda: torch.stack([total, number]),
            lambda: torch.add(total, total, out=number),
        ]
        for wrong in refused:
            with pytest.raises(RuntimeError, match="to be on the same device"):
                wrong()


def test_a_prepared_process_computes_float32_in_full_on_cuda() -> None:
    with kept_as_it_was():
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.deterministic = False
        torch_cnn.prepare_process()
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
        assert torch.backends.cudnn.deterministic


@pytest.mark.cuda
def test_a_step_of_chance_on_cuda_is_refused() -> None:
    model = regression(keras.layers.Dense(3, activation="relu"))
    net = Net().to("cuda")
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step(inputs: Tensor, targets: Tensor) -> None:
        optimizer.zero_grad()
        noise = torch.randn(targets.shape, dtype=targets.dtype, device="cuda")
        (net(inputs) - targets + 0 * noise).square().mean().backward()
        optimizer.step()

    side = TorchSide(net, step, optimizer, pairs=pair(model, net))
    with eagerly(), pytest.raises(LadderError, match="random numbers from CUDA's generator"):
        climb(side, KerasSide(model), numbers(), steps=1)


@pytest.mark.cuda
def test_float32_is_not_rounded_to_tf32() -> None:
    exact_on_cuda()
    source = torch.Generator().manual_seed(0)
    images = torch.randn((16, 8, 12, 12), generator=source, dtype=torch.float64)
    kernel = torch.randn((32, 8, 3, 3), generator=source, dtype=torch.float64)
    exact = nn.functional.conv2d(images, kernel)
    there = nn.functional.conv2d(images.float().cuda(), kernel.float().cuda()).cpu().double()
    assert float((there - exact).abs().max() / exact.abs().max()) < 1e-6  # with TF32 3e-4


@pytest.mark.cuda
def test_bfloat16_trains(experiment: Experiment) -> None:
    experiment = experiment.with_changes(dtype="float32")
    digits = random_digits(experiment)
    mixed = experiment.with_changes(precision="bfloat16")
    _, ours = torch_cnn.train(mixed, digits, device="cuda")
    _, theirs = torch_cnn.train(experiment, digits, device="cpu")
    assert ours[-1].loss == pytest.approx(theirs[-1].loss, rel=0.05)
    assert ours[-1].loss != theirs[-1].loss


@pytest.mark.cuda
def test_a_compiled_training_is_much_like_a_plain_one(tmp_path: Path) -> None:
    """In processes of their own: the compiler has to be loaded before TensorFlow."""
    few = ["--train-images", "640", "--test-images", "100", "--epochs", "1", "--plot", "none"]
    losses = []
    for options in ([], ["--compile"]):
        out = tmp_path / f"run{len(options)}"
        done = run_in_a_process("train", *few, "--device", "cuda", *options, "--out", out)
        assert done.returncode == 0, done.stderr
        with (out / "history.csv").open(newline="") as file:
            (epoch,) = csv.DictReader(file)
        losses.append(float(epoch["loss"]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
