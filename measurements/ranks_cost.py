"""What it costs to divide a batch among ranks, on one machine, and what of it is the exchange."""

import os
import time
from collections.abc import Sequence
from itertools import product
from typing import TypedDict
from uuid import uuid4

import numpy as np
import torch
import torch.distributed as dist
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.launcher.api import LaunchConfig, elastic_launch
from tqdm import tqdm

import torch_cnn
from cnn_experiment import Experiment, load_mnist
from measurements.benchmark import interval
from torch_cnn.evaluation import images_on_device
from torch_cnn.ranks import Ranks, ranks_of

IMAGES_IN_A_TURN = 2_048
TURNS = 5
_WARM_UP = 3


class RanksCost(TypedDict):
    """One row: so many processes, of so many threads each, and one size of the whole batch."""

    processes: int
    threads: int
    batch_size: int
    speed: float
    """Images a second over those of one process with one thread, in the same round: a median."""
    low: float
    high: float
    """The 95 % bootstrap interval of that median."""
    exchange: float
    """The part of a step's time that is saved where the ranks exchange nothing: a median."""


class _Silent(Ranks):
    """A rank that exchanges nothing; only its time is right."""

    def begin_total(self, numbers):  # type: ignore[no-untyped-def]
        return lambda: numbers


def ranks_cost(
    experiment: Experiment, groups: Sequence[tuple[int, int]], sizes: Sequence[int], rounds: int
) -> list[RanksCost]:
    """Measure each group, of processes and threads of each, `rounds` times in random order.

    The first group is one process with one thread, to which the others are compared.
    """
    data = experiment.data.with_changes(train_images=max(sizes), test_images=1)
    experiment = experiment.with_changes(data=data)
    load_mnist(experiment)  # downloads once, not in each process
    source = np.random.RandomState(0)
    times: dict[tuple[int, int, int], list[tuple[float, float]]] = {}
    turns = [groups[place] for _ in range(rounds) for place in source.permutation(len(groups))]
    for processes, threads in tqdm(turns, desc="turns", leave=False, disable=None):
        found = _in_processes(experiment, processes, threads, sizes)
        for size, pair in zip(sizes, found, strict=True):
            times.setdefault((processes, threads, size), []).append(pair)
    return [_row(times, *group, size) for group, size in product(groups, sizes)]


def _row(
    times: dict[tuple[int, int, int], list[tuple[float, float]]],
    processes: int,
    threads: int,
    size: int,
) -> RanksCost:
    ours, silent = np.array(times[processes, threads, size]).T
    alone, _ = np.array(times[1, 1, size]).T
    speed = interval(alone / ours)
    return {
        "processes": processes,
        "threads": threads,
        "batch_size": size,
        "speed": round(speed["median"], 3),
        "low": round(speed["low"], 3),
        "high": round(speed["high"], 3),
        "exchange": round(float(np.median(1 - silent / ours)), 3),
    }


def _in_processes(
    experiment: Experiment, processes: int, threads: int, sizes: Sequence[int]
) -> list[tuple[float, float]]:
    """Start the ranks as `torchrun` does; return the two times of a step for each batch size."""
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=str(uuid4()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.1,
    )
    try:
        results = elastic_launch(config, _times_of_a_rank)(experiment, threads, sizes)
    except SignalException as stop:  # what it makes of a signal
        raise KeyboardInterrupt from stop
    found: list[tuple[float, float]] = results[0]
    return found


def _times_of_a_rank(
    experiment: Experiment, threads: int, sizes: Sequence[int]
) -> list[tuple[float, float]]:
    """Be a rank; return the seconds of a step, with and without exchange, for each batch size."""
    if int(os.environ["WORLD_SIZE"]) > 1:
        dist.init_process_group("gloo")
    torch_cnn.set_threads(threads)
    torch_cnn.prepare_process()
    try:
        return [_times(experiment.with_changes(batch_size=size)) for size in sizes]
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _times(experiment: Experiment) -> tuple[float, float]:
    """Train in turns with and without the exchange; return the median seconds of a step."""
    digits = load_mnist(experiment)
    model = torch_cnn.build_model(experiment)
    optimizer = torch_cnn.build_optimizer(model)
    images = images_on_device(digits.train_images_nhwc, model)
    labels = torch.from_numpy(digits.train_labels)
    exchanging = ranks_of(model)
    silent = _Silent(exchanging.count, exchanging.rank, model.logits)
    size = experiment.batch_size
    steps = max(2, IMAGES_IN_A_TURN // size)

    def train(ranks: Ranks, steps: int) -> float:
        if ranks.count > 1:
            dist.barrier()
        begin = time.perf_counter()
        for step in range(steps):
            batch = torch.arange(step * size, (step + 1) * size) % len(labels)
            own = batch[ranks.part(size)]
            torch_cnn.train_step(
                model, optimizer, images[own], labels[own], ranks=ranks, batch_size=size
            )
        return (time.perf_counter() - begin) / steps

    for ranks in (exchanging, silent):
        train(ranks, _WARM_UP)
    turns = [(train(exchanging, steps), train(silent, steps)) for _ in range(TURNS)]
    ours, without = np.median(turns, axis=0)
    return float(ours), float(without)
