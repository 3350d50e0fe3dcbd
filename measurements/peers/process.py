"""A contestant in a child process, which trains on demand.

    python -m measurements.peers.process NAME EXPERIMENT STEPS

builds the contestant for the experiment, which is given as JSON, trains one step, and then STEPS
steps to warm up, and STEPS more. For each line of its input, which is a number of steps, it trains
so many. Its answers are lines of JSON: after the first step, after the warm-up, for each line.
"""

import contextlib
import json
import os
import shlex
import subprocess
import sys
import time
from typing import NamedTuple

from cnn_experiment import Experiment, UserError

THREADS = 2
_MODULE = "measurements.peers.process"


class Entry(NamedTuple):
    """What a contestant trains in each turn."""

    contestant: str
    experiment: Experiment
    steps: int
    threads: int = THREADS


class ContestantProcess:
    """Starts the process of a contestant, and waits until it has warmed up."""

    def __init__(self, entry: Entry) -> None:
        threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
        on_cpu = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
        self._entry = entry
        begin = time.perf_counter()
        what = [entry.contestant, entry.experiment.model_dump_json(), str(entry.steps)]
        self._command = [sys.executable, "-m", _MODULE, *what]
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            self._command,
            env=os.environ | dict.fromkeys(threads, str(entry.threads)) | on_cpu,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            self.start_up = self._answer()
            """Seconds of `build` (data and model), `first_step` and `command_to_first_step`."""
            self.start_up["command_to_first_step"] = time.perf_counter() - begin
            warm = self._answer()
        except UserError:
            self.stop()
            raise
        self.peak_memory = warm["peak_memory"]
        """Bytes: the most memory that the process has used so far."""
        self.loss = warm["loss"]
        """The mean loss of the last turn."""

    def seconds_of_a_turn(self) -> float:
        """Train the entry's steps; return the seconds that they took."""
        stdin = self._process.stdin
        if stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # `_answer` reports it
                stdin.write(f"{self._entry.steps}\n")
                stdin.flush()
        answer = self._answer()
        self.peak_memory, self.loss = answer["peak_memory"], answer["loss"]
        return answer["seconds"]

    def _answer(self) -> dict[str, float]:
        """Return the next line of JSON; raises `UserError` if the process has ended."""
        stdout = self._process.stdout
        for line in stdout or ():
            if line.startswith('{"'):  # frameworks print other lines
                answer: dict[str, float] = json.loads(line)
                return answer
        raise UserError(
            f"peers = {self._entry.contestant!r}: its process ended early; to see why, run: python"
            f" {shlex.join(self._command[1:])}"
        )

    def stop(self) -> None:
        """End the process, and close the pipes to it."""
        with self._process:
            self._process.kill()


def main() -> None:
    """Build the contestant, and train as many steps as each line of the input says."""
    import resource

    from measurements.peers.contestants import build

    name, text, steps = sys.argv[1:]
    experiment = Experiment.from_json(text)
    begin = time.perf_counter()
    contestant = build(name, experiment)
    built = time.perf_counter()
    contestant(1)
    answer(build=built - begin, first_step=time.perf_counter() - built)
    count = int(steps)
    contestant(count)
    while True:
        begin = time.perf_counter()
        loss = contestant(count)
        seconds = time.perf_counter() - begin
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # bytes; Linux counts KiB
        answer(seconds=seconds, peak_memory=peak, loss=loss)
        line = sys.stdin.readline()
        if not line:
            return
        count = int(line)


def answer(**values: float) -> None:
    """Print the values as one line of JSON."""
    print(json.dumps(values), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
