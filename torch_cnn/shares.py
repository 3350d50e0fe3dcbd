"""Threads that each compute a share of the images, from the first layer to the last.

PyTorch's own way is to divide every operation among threads, which wait for each other after each.
There are some hundred operations in a training step. If other processes keep the processor busy, a
thread that must wait for its turn there makes all others wait, again and again. Threads that each
compute a share of their own wait for each other only where the shares come together.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TypeVar

import torch
from torch import Tensor

Item = TypeVar("Item")
Result = TypeVar("Result")


class Shares:
    """`count` threads, the calling one among them. The others begin with the first work."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        # A new thread computes with the process' number of threads only after it has asked for it.
        ready = torch.get_num_threads
        self._others = ThreadPoolExecutor(count - 1, "share", ready) if count > 1 else None

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Return the function's results, in the order of the items, as the built-in `map` does.

        Each thread takes a run of the items, the calling one the first. The others begin at once,
        and record gradients, whatever the calling one has set. The calling one computes its results
        when they are asked for.
        """
        length = max(1, -(-len(items) // self.count))
        begins = range(0, len(items), length) or [0]
        own, *runs = [items[begin : begin + length] for begin in begins]

        def results(run: Sequence[Item]) -> list[Result]:
            return [function(item) for item in run]

        later = [self._others.submit(results, run) for run in runs] if self._others else []
        return chain(map(function, own), chain.from_iterable(each.result() for each in later))

    def parts(self, rows: Tensor) -> tuple[Tensor, ...]:
        """Return a part of the rows for each thread, much alike in size; none is empty."""
        count = min(self.count, len(rows))
        return rows.tensor_split(count) if count > 1 else (rows,)
