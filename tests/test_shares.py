"""A batch that is computed in shares gives what it gives in one, but for the order of sums."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from cnn_experiment import UserError, preset
from parity_ladder import assert_arrays_close
from parity_tests.conftest import small
from parity_tests.random_digits import random_digits
from parity_tests.small import small_experiment
from parity_tests.test_resume import States
from tests.running_scripts import settings_of_torch_as_they_were
from torch_cnn import (
    build_model,
    build_optimizer,
    evaluate,
    predict,
    prepare_process,
    process,
    set_threads,
    train,
    train_step,
)
from torch_cnn.shares import Shares


@pytest.fixture(autouse=True)
def threads_as_they_were() -> Iterator[None]:
    with settings_of_torch_as_they_were():
        yield


@pytest.mark.parametrize("count", [1, 2, 3])
def test_results_come_in_the_order_of_the_items_from_all_threads(count: int) -> None:
    seen = set()
    together = threading.Barrier(count, timeout=10)  # all threads are there at the same time

    def double(number: int) -> int:
        if threading.current_thread() not in seen:
            seen.add(threading.current_thread())
            together.wait()
        return 2 * number

    assert list(Shares(count).map(double, range(7))) == [0, 2, 4, 6, 8, 10, 12]
    assert len(seen) == count
    assert threading.current_thread() in seen


@pytest.mark.parametrize(("rows", "sizes"), [(7, [3, 2, 2]), (2, [1, 1]), (1, [1]), (0, [0])])
def test_parts_are_much_alike_and_not_empty(rows: int, sizes: list[int]) -> None:
    parts = Shares(3).parts(torch.arange(rows))
    assert [len(part) for part in parts] == sizes
    assert torch.equal(torch.cat(parts), torch.arange(rows))


@pytest.mark.parametrize("bad", [0, 1])
def test_an_error_in_any_thread_is_raised(bad: int) -> None:
    def fail(number: int) -> None:
        if number == bad:
            raise ValueError(f"share {number}")

    with pytest.raises(ValueError, match=f"share {bad}"):
        list(Shares(2).map(fail, [0, 1]))


@pytest.mark.parametrize(
    ("count", "shares", "within"),
    [(1, 1, 1), (2, 2, 1), (4, 4, 1), (6, 3, 2), (7, 1, 7), (8, 4, 2)],
)
def test_up_to_four_threads_have_a_share_and_more_divide_its_operations(
    count: int, shares: int, within: int
) -> None:
    set_threads(count)
    assert process.shares_on(torch.device("cpu")).count == shares
    assert torch.get_num_threads() == within
    assert process.shares_on(torch.device("cuda")).count == 1


@pytest.mark.parametrize("count", [0, -1])
def test_no_threads_are_refused(count: int) -> None:
    with pytest.raises(UserError, match=f"threads = {count}: accepted: 1 or more"):
        set_threads(count)


THREADS_OF_A_SHARE = """
import ctypes, os, pathlib, torch, torch_cnn
torch_cnn.set_threads(2)
loaded = pathlib.Path("/proc/self/maps").read_text().split()
openmp = ctypes.CDLL(next(path for path in loaded if "libgomp" in path))
shares = torch_cnn.process.shares_on(torch.device("cpu"))
print(*shares.map(lambda _: openmp.omp_get_max_threads(), range(2)))
child = os.fork()
if child == 0:  # it has none of its parent's threads
    print(*torch_cnn.process.shares_on(torch.device("cpu")).map(str, range(2)), flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it reads Linux' /proc, and forks")
def test_new_threads_have_the_set_number_and_a_forked_process_has_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", THREADS_OF_A_SHARE],
        env=os.environ | {"OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines() == ["1 1", "0 1", "0"], done.stderr


def test_a_prepared_process_keeps_its_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "cpu_count", lambda: 8)
    monkeypatch.setattr(process, "_threads", None)
    torch.set_num_threads(2)
    for _ in range(2):
        prepare_process()
        assert process.shares_on(torch.device("cpu")).count == 2
        assert torch.get_num_threads() == 1


def test_a_container_s_quota_limits_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "cpu_count", lambda: 2)
    monkeypatch.setattr(process, "_threads", None)
    torch.set_num_threads(4)
    prepare_process()
    assert process.shares_on(torch.device("cpu")).count == 2
    set_threads(3)
    prepare_process()
    assert process.shares_on(torch.device("cpu")).count == 3


def test_all_threads_of_a_prepared_process_treat_denormals_as_zero() -> None:
    def keeps_it(denormal: float) -> bool:
        return (torch.full((1,), denormal, dtype=torch.float64) * 1).item() > 0

    set_threads(2)
    kept = process.shares_on(torch.device("cpu")).map(keeps_it, [1e-310, 1e-310])
    assert list(kept) == [True, True]
    prepare_process()
    kept = process.shares_on(torch.device("cpu")).map(keeps_it, [1e-310, 1e-310])
    assert list(kept) == [False, False]


@pytest.mark.parametrize("name", ["article-2", "article-3-addendum", "mlp"])
@pytest.mark.parametrize("size", [64, 33, 1])
def test_steps_in_shares_follow_those_in_one(name: str, size: int) -> None:
    experiment = small(name)
    source = np.random.RandomState(0)
    height, width, channels = experiment.network.input_shape
    images = torch.from_numpy(source.standard_normal((size, channels, height, width)))
    labels = torch.from_numpy(source.randint(0, 10, size))
    trained = []
    for count in (1, 2, 3):
        set_threads(count)
        model = build_model(experiment)
        optimizer = build_optimizer(model)
        results = [train_step(model, optimizer, images, labels) for _ in range(3)]
        trained.append((results, [p.detach().clone() for p in model.parameters()]))
    (ones, weights), *others = trained
    for results, found in others:
        for (loss, hits), (one, counted) in zip(results, ones, strict=True):
            assert abs(loss.item() - one.item()) < 1e-13
            assert hits == counted
        for one, other in zip(weights, found, strict=True):
            torch.testing.assert_close(other, one, rtol=0, atol=1e-12)


@pytest.mark.parametrize("precision", ["full", "bfloat16"])
def test_steps_in_the_same_shares_are_the_same_to_the_last_bit(precision: Any) -> None:
    experiment = preset("article-3-addendum").with_changes(precision=precision)
    source = torch.Generator().manual_seed(0)
    images = torch.randn(64, 1, 28, 28, generator=source)
    labels = torch.randint(0, 10, (64,), generator=source)
    trained = []
    for _ in range(3):
        set_threads(2)
        model = build_model(experiment)
        optimizer = build_optimizer(model)
        for _ in range(5):
            train_step(model, optimizer, images, labels)
        trained.append(list(model.parameters()))
    first, *others = trained
    for other in others:
        assert all(torch.equal(*pair) for pair in zip(first, other, strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_training_in_shares_that_is_resumed_is_the_one_that_stayed(dtype: Any) -> None:
    experiment = small_experiment(5).with_changes(epochs=2, dtype=dtype)
    digits = random_digits(experiment)
    set_threads(2)
    stayed = States()
    train(experiment, digits, device="cpu", keeper=stayed)
    for stop in (3, 5, 7):
        set_threads(2)
        went = States()
        train(experiment, digits, device="cpu", keeper=went, start=stayed.after[stop])
        assert_arrays_close(went.after[10].weights, stayed.after[10].weights, 0.0)
        kept = stayed.after[10].optimizer_state
        assert_arrays_close(went.after[10].optimizer_state, kept, 0.0)


def test_a_share_that_failed_leaves_the_weights_and_the_next_step_alone() -> None:
    experiment = small("article-3-addendum")
    images, labels = torch.zeros(4, 1, 28, 28, dtype=torch.float64), torch.arange(4)
    set_threads(2)
    model = build_model(experiment)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer = build_optimizer(model)
    with pytest.raises(IndexError):
        train_step(model, optimizer, images, labels + 7)  # 10 is no class: in the second share
    for parameter, kept in zip(model.parameters(), before, strict=True):
        assert torch.equal(parameter, kept)
    loss, _ = train_step(model, optimizer, images, labels)
    assert loss.isfinite()


def test_a_parameter_that_is_frozen_stays_as_it_is() -> None:
    model = build_model(small("mlp"))
    frozen = model.get_parameter("dense_1.weight").requires_grad_(False)
    before = frozen.clone()
    images, labels = torch.ones(4, 1, 28, 28, dtype=torch.float64), torch.arange(4)
    train_step(model, build_optimizer(model), images, labels)
    assert torch.equal(frozen, before)
    assert frozen.grad is None


def test_evaluations_and_predictions_in_shares_are_the_same_to_the_last_bit() -> None:
    experiment = preset("article-3-addendum")
    images = np.random.RandomState(0).standard_normal((350, 28, 28, 1)).astype(np.float32)
    labels = np.arange(350) % 10
    model = build_model(experiment)
    set_threads(1)
    evaluated, predicted = evaluate(model, images, labels), predict(model, images)
    for count in (2, 3):
        set_threads(count)
        assert evaluate(model, images, labels) == evaluated
        assert np.array_equal(predict(model, images), predicted)
