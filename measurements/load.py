"""Our training step and its peers beside busy processes: the slowdowns, and who is faster then."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from tabulate import tabulate

from cnn_experiment import UserError, preset
from measurements.benchmark import Interval, interval, ratio_text
from measurements.contest import contest
from measurements.peers import VARIANTS, must_be_comparable, must_be_peers
from measurements.peers.process import THREADS, Entry


class LoadedContestant(TypedDict):
    """A contestant beside so many busy processes."""

    contestant: str
    busy: int
    ms_a_step: float
    slowdown: Interval
    """Its time over its own time without busy processes, in the same round."""
    over_ours: dict[str, Interval]
    """By our variant: its time over ours beside as many, in the same round."""
    slowdown_over_ours: dict[str, Interval]
    """By our variant: its slowdown over ours, in the same round. Above 1 ours is smaller."""


class LoadResult(TypedDict):
    """The JSON that the benchmark writes with `--load`."""

    preset: str
    steps: int
    rounds: int
    threads: int
    contestants: list[LoadedContestant]


def measure_under_load(
    preset_name: str, steps: int, rounds: int, peers: Sequence[str], loads: Sequence[int]
) -> LoadResult:
    """Let all contestants take turns without and beside so many busy processes.

    Raises `UserError` for a preset that the peers cannot train, for unknown peers, and for loads
    that are not different numbers from 1.
    """
    if min(loads, default=0) < 1 or len(set(loads)) < len(loads):
        given = ",".join(map(str, loads))
        raise UserError(f"load = {given!r}: accepted: numbers of 1 or more, each once, as 2,4")
    must_be_peers(list(peers))
    experiment = preset(preset_name)
    must_be_comparable(experiment, preset_name)
    names = [*VARIANTS, *peers]
    entries = {name: Entry(name, experiment, steps) for name in names}
    seconds = contest(entries, rounds, [0, *loads]).seconds
    slowdown = {(name, load): seconds[name, load] / seconds[name, 0] for name, load in seconds}
    return {
        "preset": preset_name,
        "steps": steps,
        "rounds": rounds,
        "threads": THREADS,
        "contestants": [
            {
                "contestant": name,
                "busy": load,
                "ms_a_step": 1e3 * float(np.median(seconds[name, load])) / steps,
                "slowdown": interval(slowdown[name, load]),
                "over_ours": {
                    ours: interval(seconds[name, load] / seconds[ours, load]) for ours in VARIANTS
                },
                "slowdown_over_ours": {
                    ours: interval(slowdown[name, load] / slowdown[ours, load]) for ours in VARIANTS
                },
            }
            for load in (0, *loads)
            for name in names
        ],
    }


def load_table(result: LoadResult) -> str:
    """Return the result as text."""
    heads = ["busy", "contestant", "ms/step", "slowdown", *(f"over {ours}" for ours in VARIANTS)]
    rows = [
        [
            row["busy"],
            row["contestant"],
            f"{row['ms_a_step']:.1f}",
            *map(ratio_text, (row["slowdown"], *row["over_ours"].values())),
        ]
        for row in result["contestants"]
    ]
    return tabulate(rows, headers=heads, disable_numparse=True)
