"""Speed cannot rot unseen: a training step calls and allocates no more than was recorded.

Counted by PyTorch's profiler, so the same on every machine; `scripts/benchmark.py` has the times.
"""

import platform
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from cnn_experiment import preset
from tests.test_fast_step import plain_logits
from torch_cnn import build_model, build_optimizer, train_step

RECORDED = {"kernels": 395, "megabytes": 25.3}
STEPS = 5


def cost(work: Callable[[], object]) -> dict[str, float]:
    """Calls into PyTorch's operators, and memory that they ask for."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        for _ in range(STEPS):
            work()
    operators = [event for event in profiled.events() or [] if event.name.startswith("aten::")]
    allocated = sum(max(operator.self_cpu_memory_usage, 0) for operator in operators)
    return {"kernels": len(operators) / STEPS, "megabytes": allocated / STEPS / 2**20}


def test_a_step_costs_no_more_than_recorded() -> None:
    model = build_model(preset("article-3-addendum"))
    optimizer = build_optimizer(model)
    images, labels = torch.randn(64, 1, 28, 28), torch.zeros(64, dtype=torch.int64)
    train_step(model, optimizer, images, labels)
    found = cost(lambda: train_step(model, optimizer, images, labels))
    assert found["kernels"] <= RECORDED["kernels"]
    assert found["megabytes"] <= RECORDED["megabytes"]


def test_poolings_after_the_activations_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain way through the layers, on the whole input, asks for more memory than recorded."""
    model = build_model(preset("article-3-addendum"))
    optimizer = build_optimizer(model)
    images, labels = torch.randn(64, 1, 28, 28), torch.zeros(64, dtype=torch.int64)
    monkeypatch.setattr(model, "logits", lambda images_nchw: plain_logits(model, images_nchw))
    found = cost(lambda: train_step(model, optimizer, images, labels))
    assert found["megabytes"] > RECORDED["megabytes"]


STEPS_IN_A_PROCESS = """
import resource, torch
from cnn_experiment import preset
from torch_cnn import build_model, build_optimizer, train_step
from torch_cnn.process import prepare_process
prepare_process()
model = build_model(preset("article-3-addendum"))
optimizer = build_optimizer(model)
images, labels = torch.randn(64, 1, 28, 28), torch.zeros(64, dtype=torch.int64)
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    train_step(model, optimizer, images, labels)
before = faults()
for _ in range(20):
    train_step(model, optimizer, images, labels)
print((faults() - before) / 20)
"""


def test_a_step_asks_the_system_for_no_memory() -> None:
    """Freed buffers stay with the process: new pages are cleared by the system, one by one."""
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("another C library than glibc")
    run = subprocess.run(
        [sys.executable, "-c", STEPS_IN_A_PROCESS], capture_output=True, text=True, check=True
    )
    assert float(run.stdout) < 100  # thousands without `prepare_process`, on most starts
