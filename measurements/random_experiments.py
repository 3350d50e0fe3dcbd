"""Blocks of random experiments, each decided by a seed of its own, and what was found in them.

Its process is new: Hypothesis takes some numbers from the code that is loaded, so that in another
one the same seed could mean other experiments. `python -m` this module is that process.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from cnn_experiment import Experiment
from measurements.blocks import Line, do_blocks, ends_with, lines_of
from measurements.cluster import Workers
from measurements.json_lines import must_be_a_file_of_lines, read_lines

EXPERIMENTS_OF_A_BLOCK = 50


class RandomBlock(NamedTuple):
    """The experiments that a seed decides."""

    seed: int
    experiments: int

    def __str__(self) -> str:
        return f"experiments of seed {self.seed}"


class Searched(Line):
    """What was found in a block: a line of the results."""

    seed: int
    experiments: int
    """The number of experiments, or where one failed, the most that it could have been."""
    smallest: Experiment | None = None
    """One that fails, made as small as was found."""
    parts: tuple[str, ...] = ()
    """Where on the ladder its sides part, or what ended the climb."""

    @property
    def identity(self) -> tuple[int, int]:
        """What decides the experiments."""
        return self.seed, self.experiments


def search_missing(
    experiments: int, seed: int, results: Path, workers: Workers
) -> list[Searched] | None:
    """Do the blocks that the results do not have yet; return those that failed, of all.

    None stands for blocks that could not be done; why, is printed.
    """
    must_be_a_file_of_lines(results, "results")
    wanted = blocks_of(experiments, seed)
    done = {block.identity for block in read_lines(results, Searched)}
    missing = [block for block in wanted if block not in done]
    if not do_blocks(in_a_process, missing, results, workers):
        return None
    found = {block.identity: block for block in read_lines(results, Searched)}
    return [found[block] for block in wanted if found[block].parts]


def blocks_of(experiments: int, seed: int) -> Sequence[RandomBlock]:
    """Return blocks of so many experiments in all, with the seeds from `seed` on."""
    begins = range(0, experiments, EXPERIMENTS_OF_A_BLOCK)
    return [
        RandomBlock(seed + place, min(EXPERIMENTS_OF_A_BLOCK, experiments - begin))
        for place, begin in enumerate(begins)
    ]


def in_a_process(block: RandomBlock) -> list[Searched]:
    """Do a block in a new process."""
    lines = lines_of("measurements.random_experiments", block.seed, block.experiments)
    return [Searched.from_json(line) for line in lines]


def searched(block: RandomBlock, fault: str | None = None) -> Searched:
    """Climb each experiment of a block, with a known difference planted if one is named."""
    from parity_tests.known_differences import CATALOGUE
    from parity_tests.random_climbs import climbed, failed_rungs, smallest
    from parity_tests.torch_side import TorchPort

    port = TorchPort if fault is None else CATALOGUE[fault].port

    def parts(experiment: Experiment) -> tuple[str, ...]:
        try:
            result = climbed(port, experiment)
        except Exception as error:  # what cannot be climbed is a failure, too, and made small
            return (f"{type(error).__name__}: {error}",)
        return (*failed_rungs(result), *(f"{rung.rung}: not judged" for rung in result.not_judged))

    found = smallest(parts, block.experiments, Random(block.seed))  # noqa: S311 - no secrets
    where = () if found is None else parts(found)
    return Searched(seed=block.seed, experiments=block.experiments, smallest=found, parts=where)


if __name__ == "__main__":
    parent, *numbers = map(int, sys.argv[1:])
    ends_with(parent)
    sys.stdout.write(searched(RandomBlock(*numbers)).model_dump_json(exclude_none=True) + "\n")
