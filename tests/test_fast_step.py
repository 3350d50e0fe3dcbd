"""What makes the step fast changes nothing: each trick against the plain way, in float64."""

import copy
import ctypes
import shutil
from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor
from torch.nn import functional

from cnn_experiment import (
    L1,
    L2,
    Convolution,
    Data,
    Digits,
    Experiment,
    Hidden,
    Network,
    UserError,
    preset,
)
from tests.running_scripts import settings_of_torch_as_they_were
from torch_cnn import (
    CNN,
    KerasRMSprop,
    build_model,
    evaluate,
    prepare_process,
    set_threads,
    train,
    train_step,
)
from torch_cnn.model import activate
from torch_cnn.step import build_optimizer

NETWORKS = {
    "article": preset("article-3-addendum").network,
    "odd": Network(
        input_shape=(23, 19, 3),
        convolutions=(
            Convolution(filters=3, kernel_size=(5, 2), activation="elu"),
            Convolution(filters=4, kernel_size=(1, 3), activation="tanh"),
            Convolution(filters=2, activation="sigmoid"),
        ),
        pools=((3, 2), (2, 2)),
        hidden=(Hidden(units=5),),
    ),
    "no pooling": Network(
        convolutions=(Convolution(filters=2),), pools=(), hidden=(Hidden(units=5),)
    ),
    "no convolution": Network(convolutions=(), pools=(), hidden=(Hidden(units=5),)),
}


def experiment_with(network: Network) -> Experiment:
    return preset("article-3-addendum").with_changes(network=network, dtype="float64")


def plain_logits(model: CNN, images_nchw: Tensor) -> Tensor:
    """Layer by layer on the whole input, each activation where Keras has it."""
    features = images_nchw
    for layer in model.layers[:-1]:
        features = activate(layer.activation, model.get_submodule(layer.name)(features))
    logits: Tensor = model.get_submodule(model.layers[-1].name)(features)
    return logits


def batch_for(network: Network, count: int = 8) -> tuple[Tensor, Tensor]:
    height, width, channels = network.input_shape
    source = np.random.RandomState(0)
    images = torch.from_numpy(source.standard_normal((count, channels, height, width)))
    return images, torch.from_numpy(source.randint(0, 10, count))


@pytest.mark.parametrize("name", NETWORKS)
def test_logits_and_gradients_are_those_of_the_plain_way(name: str) -> None:
    model = build_model(experiment_with(NETWORKS[name]))
    for parameter in model.parameters():
        if parameter.ndim == 1:  # biases begin at 0, where one left out would not show
            torch.nn.init.normal_(parameter, std=0.3)
    images, labels = batch_for(NETWORKS[name])
    ours, plain = model.logits(images), plain_logits(model, images)
    torch.testing.assert_close(ours, plain, rtol=0, atol=1e-13)
    gradients = [
        torch.autograd.grad(functional.cross_entropy(logits, labels), list(model.parameters()))
        for logits in (ours, plain)
    ]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("article", (26, 26)),
        ("odd", (22, 17)),
        ("no pooling", (28, 28)),
        ("no convolution", (28, 28)),
    ],
)
def test_what_is_cropped_reaches_no_output(name: str, seen: tuple[int, int]) -> None:
    network = NETWORKS[name]
    assert network.seen_input() == seen
    model = build_model(experiment_with(network))
    images, _ = batch_for(network)
    images.requires_grad_()
    plain_logits(model, images).sum().backward()  # type: ignore[no-untyped-call]
    reached = images.grad.abs().sum((0, 1)) if images.grad is not None else torch.zeros(0)
    assert not reached[seen[0] :].any()
    assert not reached[:, seen[1] :].any()
    assert reached[seen[0] - 1].any()
    assert reached[:, seen[1] - 1].any()


def test_images_of_another_size_are_refused_though_they_could_be_cropped() -> None:
    model = build_model(preset("article-2"))
    with pytest.raises(ValueError, match=r"accepted: \(batch, 1, 28, 28\)"):
        model(torch.zeros(2, 1, 30, 30))


def test_the_flat_update_is_that_of_each_parameter_on_its_own() -> None:
    model = build_model(experiment_with(NETWORKS["article"]))
    alone = copy.deepcopy(model)
    together = build_optimizer(model)
    decay = {id(p) for p in alone.regularized_kernels()}
    each = [
        KerasRMSprop([p], momentum=0.9, weight_decay=2 * float(np.float32(1e-3)) * (id(p) in decay))
        for p in alone.parameters()
    ]
    for _ in range(5):
        for one, other in zip(model.parameters(), alone.parameters(), strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        together.step()
        for optimizer in each:
            optimizer.step()
    for one, other in zip(model.parameters(), alone.parameters(), strict=True):
        assert torch.equal(one, other)


def test_model_and_optimizer_copy_save_and_load_as_any_other() -> None:
    network = NETWORKS["article"]
    model = build_model(experiment_with(network))
    optimizer = build_optimizer(model)
    images, labels = batch_for(network)
    train_step(model, optimizer, images, labels)

    copied_model, copied_optimizer = copy.deepcopy((model, optimizer))
    loaded = build_model(experiment_with(network))
    loaded.load_state_dict(load(save(model.state_dict())))
    loaded_optimizer = build_optimizer(loaded)
    # As of any optimizer, the state dict shares its tensors.
    loaded_optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for _ in range(2):
        losses = [
            train_step(m, o, images, labels)[0].item()
            for m, o in (
                (model, optimizer),
                (copied_model, copied_optimizer),
                (loaded, loaded_optimizer),
            )
        ]
        assert len(set(losses)) == 1


@pytest.mark.parametrize("regularizer", [None, L1(strength=1e-3), L2(strength=1e-3)])
def test_a_step_shows_both_parts_of_the_loss_and_all_gradients_before_the_update(
    regularizer: L1 | L2 | None,
) -> None:
    experiment = experiment_with(NETWORKS["article"]).with_changes(regularizer=regularizer)
    images, labels = batch_for(experiment.network)
    model, unwatched = build_model(experiment), build_model(experiment)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    seen: list[tuple[Tensor, Tensor]] = []

    def look(data_loss: Tensor, penalty: Tensor) -> None:
        seen.append((data_loss, penalty))
        for parameter, unmoved in zip(model.parameters(), before, strict=True):
            assert torch.equal(parameter, unmoved)
        own = functional.cross_entropy(plain_logits(unwatched, images), labels)
        if isinstance(regularizer, L1):
            own = own + unwatched.penalty()
        expected = torch.autograd.grad(own, list(unwatched.parameters()))
        for parameter, gradient in zip(model.parameters(), expected, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, rtol=0, atol=1e-13)

    loss, _ = train_step(model, build_optimizer(model), images, labels, look)
    ((data_loss, penalty),) = seen
    assert not data_loss.requires_grad
    assert not penalty.requires_grad
    assert torch.equal(loss, data_loss + penalty)
    assert (penalty > 0) == (regularizer is not None)

    assert torch.equal(train_step(unwatched, build_optimizer(unwatched), images, labels)[0], loss)
    for watched, other in zip(model.parameters(), unwatched.parameters(), strict=True):
        assert torch.equal(watched, other)


def test_a_step_and_an_evaluation_take_the_losses_of_the_model_at_hand() -> None:
    """A fault that is planted in one model shows wherever its losses are used."""
    experiment = experiment_with(NETWORKS["no pooling"])
    model = build_model(experiment)
    images, labels = batch_for(experiment.network)
    class_data_loss = model.data_loss

    def doubled(
        logits: Tensor, labels: Tensor, reduction: Literal["mean", "sum"] = "mean"
    ) -> Tensor:
        return 2 * class_data_loss(logits, labels, reduction)

    images_nhwc = images.permute(0, 2, 3, 1).numpy()
    plain = evaluate(model, images_nhwc, labels.numpy()).loss - model.penalty().item()
    model.data_loss = doubled  # type: ignore[method-assign]
    model.penalty = lambda: torch.full((), 7.0, dtype=torch.float64)  # type: ignore[method-assign]
    np.testing.assert_allclose(
        evaluate(model, images_nhwc, labels.numpy()).loss, 2 * plain + 7, rtol=1e-12
    )
    loss, _ = train_step(model, build_optimizer(model), images, labels)
    np.testing.assert_allclose(loss.item(), 2 * plain + 7, rtol=1e-12)


def test_a_training_changes_nothing_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr(torch, "set_flush_denormal", calls.append)
    monkeypatch.setattr(ctypes, "CDLL", calls.append)
    small = {"epochs": 1, "batch_size": 8, "data": Data(train_images=16, test_images=8)}
    images = np.random.RandomState(0).standard_normal((24, 28, 28, 1))
    labels = np.arange(24) % 10
    digits = Digits(images[:16], labels[:16], images[16:], labels[16:])
    train(experiment_with(NETWORKS["no pooling"]).with_changes(**small), digits, device="cpu")
    assert calls == []
    prepare_process()
    assert calls == [True, None]


def test_a_parameter_without_a_gradient_is_left_alone_and_keeps_its_state() -> None:
    first, second = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    optimizer = KerasRMSprop([first, second], momentum=0.5)
    first.grad = second.grad = torch.ones(3)
    optimizer.step()
    velocity, moved = optimizer.state[second]["velocity"].clone(), second.detach().clone()
    second.grad = None
    optimizer.step()
    assert torch.equal(second, moved)
    assert torch.equal(optimizer.state[second]["velocity"], velocity)
    second.grad = torch.ones(3)
    optimizer.step()
    assert not torch.equal(optimizer.state[second]["velocity"], velocity)


def test_bfloat16_computes_layers_in_it_and_keeps_float32_weights() -> None:
    experiment = preset("article-3-addendum")
    mixed = build_model(experiment.with_changes(precision="bfloat16"))
    images, labels = batch_for(experiment.network)
    images = images.float()
    optimizer = build_optimizer(mixed)
    apart = (mixed.logits(images) - build_model(experiment).logits(images)).abs().max().item()
    assert 1e-5 < apart < 0.1
    loss, _ = train_step(mixed, optimizer, images, labels)
    assert loss.dtype == torch.float32
    tensors = [*mixed.parameters(), *(p.grad for p in mixed.parameters() if p.grad is not None)]
    assert {tensor.dtype for tensor in tensors} == {torch.float32}
    for _ in range(5):
        train_step(mixed, optimizer, images, labels)
    assert train_step(mixed, optimizer, images, labels)[0] < loss


def test_bfloat16_is_refused_with_float64() -> None:
    with pytest.raises(UserError, match="precision bfloat16 with dtype float64; accepted: with"):
        experiment_with(NETWORKS["article"]).with_changes(precision="bfloat16")


needs_a_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="it needs g++")
TO_MACHINE_CODE = pytest.param("inductor", marks=[pytest.mark.slow, needs_a_compiler])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("compiler", ["aot_eager", TO_MACHINE_CODE])
def test_a_compiled_network_computes_the_same(
    compiler: str, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the graph that PyTorch makes of it; and by the machine code of that, which takes long."""
    calls = []
    compile_it = torch.compile

    def heard(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        calls.append(function)
        return compile_it(function, backend=compiler)

    monkeypatch.setattr(torch, "compile", heard)
    network = Network(
        input_shape=(12, 12, 1),
        convolutions=(Convolution(filters=2), Convolution(filters=3)),
        pools=((2, 2),),
        hidden=(Hidden(units=3),),
    )
    data = Data(train_images=16, test_images=8)
    experiment = experiment_with(network).with_changes(epochs=1, batch_size=8, data=data)
    source = np.random.RandomState(0)
    images, labels = source.standard_normal((24, 12, 12, 1)), source.randint(0, 10, 24)
    digits = Digits(images[:16], labels[:16], images[16:], labels[16:])
    _, (plain,) = train(experiment, digits)
    assert not calls
    with settings_of_torch_as_they_were():
        set_threads(threads)
        model, (compiled,) = train(experiment, digits, compiled=True)
    assert len(calls) == 1
    assert "logits" not in vars(model)
    np.testing.assert_allclose(compiled.val_loss, plain.val_loss, rtol=1e-12)
    np.testing.assert_allclose(compiled.loss, plain.loss, rtol=1e-12)
