"""Time the training step against what else could be used, side by side.

    python scripts/benchmark.py --preset article-3-addendum --json results/benchmark.json

Every contestant has a process of its own with two threads, is warmed up, and then trains in turns,
in rounds of random order. A ratio is the median over the rounds of a peer's time over ours in the
same round, above 1 where we are faster, with a 95 % bootstrap interval; the control is a second
process of our own float32 step.
"""

import argparse
import json
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

RESAMPLES = 10_000


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", metavar="NAME", default="article-3-addendum")
    parser.add_argument("--steps", type=int, default=200, metavar="N", help="a turn; default 200")
    parser.add_argument("--rounds", type=int, default=20, metavar="R", help="default 20")
    parser.add_argument(
        "--peers", default="keras,dataloader", metavar="NAMES", help="default keras,dataloader"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="the result for machines")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a picture of the ratios")
    return parser.parse_args()


def main() -> None:
    """Measure; exit with 1 and one sentence where that cannot be done."""
    options = arguments()
    from cnn_experiment import UserError

    try:
        compare(options)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")


def compare(options: argparse.Namespace) -> None:
    """Run the rounds; print the table, write and draw the result."""
    import numpy as np
    from tqdm import tqdm

    from cnn_experiment import UserError, preset
    from measurements.peers import (
        CONTROL,
        VARIANTS,
        multiplications,
        must_be_comparable,
        must_be_peers,
    )
    from measurements.peers.process import THREADS, ContestantProcess

    experiment = preset(options.preset)
    if options.steps < 1 or options.rounds < 1:
        raise UserError(f"steps = {options.steps}, rounds = {options.rounds}: accepted: 1 or more")
    peers = [name for name in options.peers.split(",") if name]
    must_be_peers(peers)
    must_be_comparable(experiment, options.preset)
    must_be_drawable(options.plot)
    names = [*VARIANTS, CONTROL, *peers]
    workers: dict[str, ContestantProcess] = {}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    source = np.random.RandomState(0)
    try:
        for name in tqdm(names, desc="start", leave=False, disable=None):
            workers[name] = ContestantProcess(name, options.preset, options.steps)
        turns = [name for _ in range(options.rounds) for name in source.permutation(names)]
        for name in tqdm(turns, desc="turns", leave=False, disable=None):
            time.sleep(0.3)  # the last one's threads go to sleep
            seconds[name].append(workers[name].seconds_for(options.steps))
    finally:
        for worker in workers.values():
            worker.stop()

    peak = matrix_product_peak()
    flops = 2 * multiplications(experiment) * experiment.batch_size
    result: dict[str, Any] = {
        "preset": options.preset,
        "steps": options.steps,
        "rounds": options.rounds,
        "threads": THREADS,
        "ratios": {
            variant: {
                peer: interval(np.array(seconds[peer]) / np.array(seconds[variant]))
                for peer in [*peers, *([CONTROL] if variant == "float32" else [])]
            }
            for variant in VARIANTS
        },
        "matrix_product_peak_gflops": peak,
        "gflop_a_step": flops / 1e9,
        "contestants": {},
    }
    for name in names:
        step = float(np.median(seconds[name])) / options.steps
        result["contestants"][name] = {
            "ms_a_step": 1e3 * step,
            "images_a_second": experiment.batch_size / step,
            "gflops": flops / step / 1e9,
            "peak_memory_mb": workers[name].peak_memory / 2**20,
            "start_up": workers[name].start_up,
            "loss": workers[name].loss,
        }
    report(result)
    if options.json is not None:
        from cnn_experiment.atomic_file import write_atomically

        write_atomically(options.json, (json.dumps(result, indent=2) + "\n").encode())
    if options.plot is not None:
        draw(result, options.plot)


def must_be_drawable(path: Path | None) -> None:
    """Raise `UserError` for a picture that could not be drawn once all is measured."""
    from cnn_experiment import UserError

    if path is None:
        return
    if path.suffix not in (".png", ".svg", ".pdf"):
        raise UserError(f"plot = {path}: accepted: a name that ends in .png, .svg or .pdf")
    if find_spec("matplotlib") is None:
        raise UserError("plot: matplotlib is not installed here; pip install '.[plots]'")


def interval(ratios: Any) -> dict[str, float]:
    """Median and 95 % bootstrap interval."""
    import numpy as np

    source = np.random.RandomState(0)
    drawn = source.choice(ratios, (RESAMPLES, len(ratios)))
    low, high = np.quantile(np.median(drawn, axis=1), (0.025, 0.975))
    return {"median": float(np.median(ratios)), "low": float(low), "high": float(high)}


def matrix_product_peak() -> dict[str, float]:
    """Best of ten 2048 x 2048 products by precision, in GFLOP/s."""
    import torch

    from measurements.peers.process import THREADS

    torch.set_num_threads(THREADS)
    found = {}
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        matrix = torch.randn(2048, 2048).to(dtype)
        times = []
        for _ in range(10):
            begin = time.perf_counter()
            matrix @ matrix
            times.append(time.perf_counter() - begin)
        found[name] = 2 * 2048**3 / min(times) / 1e9
    return found


def report(result: dict[str, Any]) -> None:
    """Print the tables."""
    print(
        f"{'':12} {'ms/step':>8} {'images/s':>9} {'GFLOP/s':>8} {'peak MB':>8}"
        f" {'to first step':>14} {'loss':>8}"
    )
    for name, row in result["contestants"].items():
        print(
            f"{name:12} {row['ms_a_step']:8.2f} {row['images_a_second']:9.0f} {row['gflops']:8.0f}"
            f" {row['peak_memory_mb']:8.0f} {row['start_up']['command_to_first_step']:12.1f} s"
            f" {row['loss']:8.4f}"
        )
    print(f"\n{'faster than':12} {'float32':>24} {'bfloat16':>24}")
    for peer in result["ratios"]["float32"]:
        cells = [result["ratios"][variant].get(peer) for variant in ("float32", "bfloat16")]
        texts = [
            "" if c is None else f"{c['median']:.2f} ({c['low']:.2f} to {c['high']:.2f})"
            for c in cells
        ]
        print(f"{peer:12} {texts[0]:>24} {texts[1]:>24}")
    peak = result["matrix_product_peak_gflops"]["float32"]
    share = result["contestants"]["float32"]["gflops"] / peak
    print(
        f"\nfloat32: {share:.0%} of the matrix product's peak, by the cropped network's operations"
    )


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw the ratios with their intervals."""
    import io

    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    from cnn_experiment.atomic_file import write_atomically

    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    for offset, (variant, ratios) in zip((-0.15, 0.15), result["ratios"].items(), strict=True):
        for place, peer in enumerate(result["ratios"]["float32"]):
            if peer in ratios:
                found = ratios[peer]
                reach = [[found["median"] - found["low"]], [found["high"] - found["median"]]]
                color = "C0" if variant == "float32" else "C1"
                label = variant if place == 0 else None
                axes.errorbar(
                    found["median"], place + offset, xerr=reach, fmt="o", color=color, label=label
                )
    peers = list(result["ratios"]["float32"])
    axes.set_yticks(range(len(peers)), peers)
    axes.invert_yaxis()
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set(xlabel="time / time of our step")
    axes.legend()
    picture = io.BytesIO()
    figure.savefig(picture, format=path.suffix.removeprefix("."), dpi=120)
    write_atomically(path, picture.getvalue())


if __name__ == "__main__":
    main()
