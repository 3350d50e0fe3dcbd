"""Where the time of a training step goes: a part for each kind of operation."""

import time
from collections.abc import Mapping
from typing import TypedDict

import torch
from torch.profiler import ProfilerActivity, profile

import torch_cnn
from cnn_experiment import Experiment, load_mnist
from torch_cnn.evaluation import images_on_device

_KERNELS: Mapping[str, tuple[str, ...]] = {
    "kernels of the convolutions": ("mkldnn_convolution", "convolution_backward"),
    "products of the dense layers": ("aten::addmm", "aten::mm"),
    "poolings": ("max_pool2d",),
}
"""Parts of the names of operations, by what they belong to."""
_OPTIMIZER = "Optimizer.step#"
_WARM_UP = 20


class Part(TypedDict):
    """One row: a part of the step."""

    part: str
    ms_a_step: float
    share: float


def step_profile(experiment: Experiment, steps: int) -> list[Part]:
    """Train so many steps with one thread, once by the clock and once under PyTorch's profiler.

    With one thread nothing is done beside anything else, so that the parts add up. What the
    profiler sees of no named part, and the time that it adds itself, is in the last row.
    """
    torch_cnn.prepare_process()
    torch_cnn.set_threads(1)
    digits = load_mnist(experiment)
    model = torch_cnn.build_model(experiment)
    optimizer = torch_cnn.build_optimizer(model)
    images = images_on_device(digits.train_images_nhwc, model)
    labels = torch.from_numpy(digits.train_labels)
    size = experiment.batch_size

    def train(count: int) -> None:
        for number in range(count):
            batch = torch.arange(number * size, (number + 1) * size) % len(labels)
            torch_cnn.train_step(model, optimizer, images[batch], labels[batch])

    train(_WARM_UP)
    begin = time.perf_counter()
    train(steps)
    whole = 1e3 * (time.perf_counter() - begin) / steps
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        train(steps)

    parts = dict.fromkeys([*_KERNELS, "optimizer"], 0.0)
    for event in profiled.key_averages():
        if event.key.startswith(_OPTIMIZER):
            parts["optimizer"] += event.cpu_time_total
        for part, names in _KERNELS.items():
            if any(name in event.key for name in names):
                parts[part] += event.self_cpu_time_total
    found = {part: microseconds / 1e3 / steps for part, microseconds in parts.items()}
    found["all else: small operations, autograd, Python"] = whole - sum(found.values())
    return [
        {"part": part, "ms_a_step": round(ms, 2), "share": round(ms / whole, 3)}
        for part, ms in {**found, "whole step": whole}.items()
    ]
