"""The benchmark beside busy processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cnn_experiment import UserError
from measurements.contest import beside, busy_processes
from tests.running_scripts import run_in_a_process, run_script


def processor_time(process: int) -> int:
    """In the system's ticks; fields 14 and 15 of what Linux says of a process."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="it reads Linux' /proc")
def test_busy_processes_compute_where_they_are_let_and_nowhere_else() -> None:
    with busy_processes(2) as (first, second):
        before = processor_time(second)
        with beside([first]):
            halted = processor_time(first)
            time.sleep(0.5)
            assert processor_time(first) > halted
        halted = processor_time(first)
        time.sleep(0.3)
        assert processor_time(first) == halted
        assert processor_time(second) == before
    assert not Path(f"/proc/{first}").exists()


KILLED_BESIDE = """
import os, signal, sys, time
from measurements.contest import beside, busy_processes
with busy_processes(2) as busy, beside(busy[:1]):
    time.sleep(0.5)  # for the processes to begin
    print(*busy, flush=True)
    os.kill(os.getpid(), int(sys.argv[1]))
    time.sleep(10)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends them with their parent")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_busy_processes_end_with_the_one_that_started_them(number: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED_BESIDE, str(int(number))],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == -number, done.stderr
    for process in done.stdout.split():
        for _ in range(50):
            if not Path(f"/proc/{process}").exists():
                break
            time.sleep(0.1)
        assert not Path(f"/proc/{process}").exists()


def test_a_busy_process_that_ended_early_is_an_error() -> None:
    def kill_it() -> None:
        with busy_processes(1) as (busy,):
            os.kill(busy, signal.SIGKILL)
            time.sleep(0.3)

    with pytest.raises(UserError, match="a busy process ended early"):
        kill_it()


@pytest.mark.slow
def test_a_short_run_writes_slowdowns(tmp_path: Path) -> None:
    file = tmp_path / "load.json"
    short = ["--preset", "article-2", "--steps", "4", "--rounds", "2", "--peers", "dataloader"]
    run = run_in_a_process("benchmark", *short, "--load", "2,1", "--json", file)
    assert run.returncode == 0, run.stderr
    rows = json.loads(file.read_bytes())["contestants"]
    names = ["float32", "bfloat16", "dataloader"]
    assert [(row["busy"], row["contestant"]) for row in rows] == [
        (busy, name) for busy in (0, 2, 1) for name in names
    ]
    for row in rows:
        for found in (row["slowdown"], *row["over_ours"].values()):
            assert 0 < found["low"] <= found["median"] <= found["high"]
        if row["busy"] == 0:
            assert row["slowdown"] == {"median": 1, "low": 1, "high": 1}
    assert len(run.stdout.splitlines()) == 2 + len(rows)


@pytest.mark.parametrize("load", ["0", "2,2", "2,-1"])
def test_loads_that_are_none_are_refused(load: str) -> None:
    run = run_script("benchmark", "--load", load)
    sentence = f"load = {load!r}: accepted: numbers of 1 or more, each once, as 2,4"
    assert (run.returncode, run.stderr) == (1, f"error: {sentence}\n")


def test_a_picture_is_of_the_benchmark_without_load(tmp_path: Path) -> None:
    run = run_script("benchmark", "--load", "2", "--plot", tmp_path / "a.png")
    assert run.returncode == 1
    assert run.stderr.endswith("accepted: without --load\n")
