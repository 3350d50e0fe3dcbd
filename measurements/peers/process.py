"""A contestant in a process of its own, which trains when it is told to.

    python -m measurements.peers.process NAME PRESET STEPS

builds the contestant, trains one step and warms up; then trains as many steps as each line of its
input says. It answers each time in one line of JSON.
"""

import contextlib
import json
import os
import subprocess
import sys
import time

from cnn_experiment import UserError

THREADS = 2
_MODULE = "measurements.peers.process"


class ContestantProcess:
    """Starts the process, and waits until it is warm."""

    def __init__(self, name: str, preset: str, steps: int) -> None:
        threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
        on_cpu = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
        self.name = name
        begin = time.perf_counter()
        self._command = [sys.executable, "-m", _MODULE, name, preset, str(steps)]
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            self._command,
            env=os.environ | dict.fromkeys(threads, str(THREADS)) | on_cpu,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            self.start_up = self._answer()
            """Seconds: loading data and framework and building, first step, both and the rest."""
            self.start_up["command_to_first_step"] = time.perf_counter() - begin
            warm = self._answer()
        except UserError:
            self.stop()
            raise
        self.peak_memory = warm["peak_memory"]
        """Bytes, of the whole process so far."""
        self.loss = warm["loss"]
        """Mean over the last turn."""

    def seconds_for(self, steps: int) -> float:
        """Train so many steps; return how long they took."""
        stdin = self._process.stdin
        if stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # then it does not answer either
                stdin.write(f"{steps}\n")
                stdin.flush()
        answer = self._answer()
        self.peak_memory, self.loss = answer["peak_memory"], answer["loss"]
        return answer["seconds"]

    def _answer(self) -> dict[str, float]:
        stdout = self._process.stdout
        for line in stdout or ():
            if line.startswith('{"'):  # and not a word of a framework's own
                found: dict[str, float] = json.loads(line)
                return found
        raise UserError(
            f"peers = {self.name!r}: its process ended early; to see why, run: python"
            f" {' '.join(self._command[1:])}"
        )

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def main() -> None:
    """Be the process."""
    import resource

    from cnn_experiment import preset
    from measurements.peers.contestants import build

    name, preset_name, steps = sys.argv[1:]
    experiment = preset(preset_name)
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
    """Say something in one line."""
    print(json.dumps(values), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
