"""The time of our training step and of its peers, measured in turns, as ratios.

A contestant is one of our own variants or a peer: what people would train with instead.
"""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from numpy.typing import NDArray

from cnn_experiment import Experiment, preset
from measurements.contest import contest
from measurements.peers import (
    CONTROL,
    VARIANTS,
    multiplications,
    must_be_comparable,
    must_be_peers,
)
from measurements.peers.process import THREADS, ContestantProcess, Entry

if TYPE_CHECKING:
    import torch

RESAMPLES = 10_000
LONG = 0.05
"""Seconds: after a matrix product that takes longer, no larger one is measured."""


class Interval(TypedDict):
    """A median and its 95 % bootstrap interval."""

    median: float
    low: float
    high: float


class ContestantResult(TypedDict):
    """The measurements of one contestant."""

    ms_a_step: float
    images_a_second: float
    gflops: float
    peak_memory_mb: float
    start_up: dict[str, float]
    loss: float


class BenchmarkResult(TypedDict):
    """The JSON that the benchmark writes."""

    preset: str
    steps: int
    rounds: int
    threads: int
    ratios: dict[str, dict[str, Interval]]
    """By our variant and by peer: the peer's time divided by ours."""
    matrix_product_peak_gflops: dict[str, float]
    gflop_a_step: float
    contestants: dict[str, ContestantResult]


def measure(preset_name: str, steps: int, rounds: int, peers: Sequence[str]) -> BenchmarkResult:
    """Let all contestants train `steps` steps in each of `rounds` rounds, in random order.

    Raises `UserError` for a preset that the peers cannot train, and for unknown peers.
    """
    experiment = preset(preset_name)
    must_be_peers(list(peers))
    must_be_comparable(experiment, preset_name)
    names = [*VARIANTS, CONTROL, *peers]
    entries = {name: Entry(name, experiment, steps) for name in names}
    processes, seconds = contest(entries, rounds)
    times = {name: taken for (name, _), taken in seconds.items()}
    return {
        "preset": preset_name,
        "steps": steps,
        "rounds": rounds,
        "threads": THREADS,
        "ratios": ratios(times, peers),
        "matrix_product_peak_gflops": matrix_product_peak(),
        "gflop_a_step": operations(experiment) / 1e9,
        "contestants": {
            name: contestant_result(
                processes[name], float(np.median(times[name])) / steps, experiment
            )
            for name in names
        },
    }


def operations(experiment: Experiment) -> float:
    """Return the floating-point operations of one step; a multiply-add counts as two."""
    return 2 * multiplications(experiment) * experiment.batch_size


def contestant_result(
    process: ContestantProcess, seconds_a_step: float, experiment: Experiment
) -> ContestantResult:
    """Return the measurements of a contestant, from its stopped process."""
    return {
        "ms_a_step": 1e3 * seconds_a_step,
        "images_a_second": experiment.batch_size / seconds_a_step,
        "gflops": operations(experiment) / seconds_a_step / 1e9,
        "peak_memory_mb": process.peak_memory / 2**20,
        "start_up": process.start_up,
        "loss": process.loss,
    }


def ratios(
    times: Mapping[str, NDArray[np.float64]], peers: Sequence[str]
) -> dict[str, dict[str, Interval]]:
    """Return each peer's time divided by each of our variants' time in the same round.

    For float32 the control, a second process of the same step, counts as a peer. `times` holds the
    seconds of each round, by contestant.
    """
    return {
        variant: {
            peer: interval(times[peer] / times[variant])
            for peer in [*peers, *([CONTROL] if variant == "float32" else [])]
        }
        for variant in VARIANTS
    }


def interval(sample: NDArray[np.float64]) -> Interval:
    """Return the median of a sample and its 95 % bootstrap interval."""
    source = np.random.RandomState(0)
    drawn = source.choice(sample, (RESAMPLES, len(sample)))
    low, high = np.quantile(np.median(drawn, axis=1), (0.025, 0.975))
    return {"median": float(np.median(sample)), "low": float(low), "high": float(high)}


def matrix_product_peak() -> dict[str, float]:
    """Return the speed of the fastest product of two square matrices, in GFLOP/s, by precision.

    The matrices grow up to 2048 x 2048, as long as a product takes less than `LONG` seconds: a
    processor without instructions for bfloat16 would take half a minute for the largest one.
    """
    import torch

    torch.set_num_threads(THREADS)
    peak = {}
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        peak[name] = 0.0
        for size in (256, 512, 1024, 2048):
            matrix = torch.randn(size, size).to(dtype)
            seconds = min(_seconds_of_square(matrix) for _ in range(10))
            peak[name] = max(peak[name], 2 * size**3 / seconds / 1e9)
            if seconds > LONG:
                break
    return peak


def _seconds_of_square(matrix: "torch.Tensor") -> float:
    begin = time.perf_counter()
    matrix @ matrix
    return time.perf_counter() - begin


def tables(result: BenchmarkResult) -> str:
    """Return the result as text: the contestants, then the ratios."""
    lines = [
        f"{'':12} {'ms/step':>8} {'images/s':>9} {'GFLOP/s':>8} {'peak MB':>8}"
        f" {'to first step':>14} {'loss':>8}"
    ]
    for name, row in result["contestants"].items():
        lines.append(
            f"{name:12} {row['ms_a_step']:8.2f} {row['images_a_second']:9.0f} {row['gflops']:8.0f}"
            f" {row['peak_memory_mb']:8.0f} {row['start_up']['command_to_first_step']:12.1f} s"
            f" {row['loss']:8.4f}"
        )
    lines.append(f"\n{'faster than':12} {'float32':>24} {'bfloat16':>24}")
    for peer in result["ratios"]["float32"]:
        cells = [ratio_text(result["ratios"][variant].get(peer)) for variant in VARIANTS]
        lines.append(f"{peer:12} {cells[0]:>24} {cells[1]:>24}")
    peak = result["matrix_product_peak_gflops"]["float32"]
    share = result["contestants"]["float32"]["gflops"] / peak
    lines.append(
        f"\nfloat32: {share:.0%} of the matrix product's peak, by the cropped network's operations"
    )
    return "\n".join(lines)


def ratio_text(ratio: Interval | None) -> str:
    """Return a median ratio with its interval as text; nothing for none."""
    if ratio is None:
        return ""
    return f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"
