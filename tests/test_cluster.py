"""Studies as tasks of Dask: nothing is lost with a killed worker, and nothing is done twice."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from operator import attrgetter
from pathlib import Path

import dask
import pytest
from distributed import LocalCluster

from cnn_experiment import UserError
from measurements import cluster
from measurements.accuracy.job import Job, Places, train
from measurements.accuracy.runs import AccuracyRun
from measurements.cluster import Workers, results_of
from measurements.json_lines import add_once, read_lines
from measurements.random_experiments import RandomBlock, Searched, searched
from measurements.recipe import Recipe
from tests.running_scripts import command, kept_as_it_was, run_in_a_process, run_script
from tests.stress import killing


def children_of(process: int) -> list[int]:
    lists = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for each in lists for child in each.read_text().split()]


def command_line(process: int) -> bytes:
    """How the process was started; empty if it has ended."""
    file = Path(f"/proc/{process}/cmdline")
    return file.read_bytes() if file.exists() else b""


def workers_of(script: int) -> list[int]:
    """The processes that the script has started, but for Python's watcher of what they share."""
    return [child for child in children_of(script) if b"spawn_main" in command_line(child)]


def wait_for_lines(file: Path, count: int) -> None:
    begun = time.monotonic()
    while not file.exists() or len(file.read_bytes().splitlines()) < count:
        assert time.monotonic() < begun + 120
        time.sleep(0.02)


def test_a_killed_worker_loses_no_run_and_doubles_none(tmp_path: Path) -> None:
    results, seeds = tmp_path / "accuracy.jsonl", 20
    options: list[str | Path] = ["--preset", "mlp", "--epochs", "3", "--train-images", "1000"]
    options += ["--contestants", "torch", "--seeds", str(seeds), "--jobs", "2"]
    options += ["--results", results, "--runs", tmp_path / "runs"]
    line, one_thread = command("accuracy_bands", *options), {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        line, env=os.environ | one_thread, stderr=subprocess.PIPE, text=True
    ) as run:
        wait_for_lines(results, 4)
        worker, _ = workers_of(run.pid)
        os.kill(worker, signal.SIGKILL)
        assert len(results.read_bytes().splitlines()) < seeds - 4
        _, said = run.communicate(timeout=120)
    assert (run.returncode, said) == (0, "")

    lines = read_lines(results, AccuracyRun)
    recipe, places = Recipe("mlp", epochs=3, train_images=1000), Places(results, tmp_path / "alone")
    jobs = [Job(recipe, "torch", seed, places) for seed in range(seeds)]
    with kept_as_it_was():
        alone = [train(job, lines[0].threads).run for job in jobs]
    assert [run.seed for run in alone] == sorted(run.seed for run in lines)
    assert alone == sorted(lines, key=attrgetter("seed"))


def test_a_line_that_is_there_is_not_added_again(tmp_path: Path) -> None:
    file, line = tmp_path / "lines.jsonl", Searched(seed=1, experiments=2)
    for each in (line, line, line.with_changes(seed=2), line):
        add_once(file, each, attrgetter("identity"))
    assert [each.seed for each in read_lines(file, Searched)] == [1, 2]


def test_lines_are_parsed_once_and_a_file_that_was_changed_is_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, lines = tmp_path / "lines.jsonl", [Searched(seed=n, experiments=2) for n in range(3)]
    parsed, from_json = [], Searched.from_json

    def noted(line: bytes) -> Searched:
        parsed.append(line)
        return from_json(line)

    monkeypatch.setattr(Searched, "from_json", noted)
    for count, line in enumerate(lines, start=1):
        add_once(file, line, attrgetter("identity"))
        assert read_lines(file, Searched) == lines[:count]
    assert len(parsed) == len(lines)
    text = file.read_text()
    file.write_text(text.replace('"seed":0', '"seed":7'))
    assert [line.seed for line in read_lines(file, Searched)] == [7, 1, 2]
    file.write_text(text + '{"seed":')
    with pytest.raises(UserError, match=r"lines\.jsonl, line 4: "):
        read_lines(file, Searched)
    file.write_text(text + text.splitlines()[0].replace('"seed":0', '"seed":8'))
    assert [line.seed for line in read_lines(file, Searched)] == [0, 1, 2, 8]


def doubled(number: int) -> int:
    match number:
        case 1:
            raise UserError("no ones")
        case 2:
            raise FileNotFoundError(2, "No such file", "two.txt")
        case 3:
            os.kill(os.getpid(), signal.SIGKILL)
        case 4:
            raise ZeroDivisionError("a mistake of ours")
    return 2 * number


FAILURES = {
    1: "no ones",
    2: "two.txt: No such file",
    3: "its worker was killed, 1 times",
    4: "ZeroDivisionError: a mistake of ours",
}


def some_cluster(workers: int, threads: int = 1) -> LocalCluster:
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=threads,
        dashboard_address="127.0.0.1:0",
        scheduler_kwargs={"dashboard": False, "allowed_failures": 0},
    )


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """The address of a cluster with a worker."""
    with dask.config.set({"distributed.scheduler.worker-saturation": 1.0}), some_cluster(1) as one:
        yield one.scheduler_address


def test_a_task_that_fails_is_a_sentence_and_the_others_are_done(
    elsewhere: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = list(results_of(doubled, range(6), Workers(address=elsewhere)))
    assert {task: failure for task, _, failure in done if failure is not None} == FAILURES
    assert {task: result for task, result, _ in done if result is not None} == {0: 0, 5: 10}
    assert "ZeroDivisionError: a mistake of ours" in capsys.readouterr().err


def slept(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def test_a_worker_goes_on_with_nothing_that_nobody_waits_for(elsewhere: str) -> None:
    workers = Workers(address=elsewhere)
    with closing(results_of(slept, [0, 600, 601], workers)) as left_early:
        assert next(left_early).task == 0
        time.sleep(0.5)  # the next one has begun
    (done,) = results_of(doubled, [7], workers)  # the worker is free
    assert done.result == 14


def test_a_scheduler_that_is_gone_is_a_sentence() -> None:
    with some_cluster(1) as local:
        tasks = results_of(slept, [0, 600], Workers(address=local.scheduler_address))
        assert next(tasks).task == 0
        local.close()
        with pytest.raises(UserError, match="its scheduler is gone; the same command continues"):
            next(tasks)


def test_a_cluster_that_cannot_be_used_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with some_cluster(0, threads=2) as local:
        workers = Workers(address=local.scheduler_address)
        with pytest.raises(UserError, match=r"it has no workers; accepted: one or more, each sta"):
            list(results_of(doubled, [5], workers))
        local.scale(1)
        local.wait_for_workers(1)
        (done,) = results_of(doubled, [5], workers)
        assert done.failure == "nthreads = 2: accepted: workers with --nthreads 1"
    with pytest.raises(UserError, match=r"no scheduler of Dask answers there \(.*refused"):
        list(results_of(doubled, [5], workers))
    monkeypatch.setattr(cluster, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"jobs = 2: Dask is not installed.*'.\[cluster\]'"):
        list(results_of(doubled, [5], Workers(2)))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--cluster", "somewhere"], "cluster = 'somewhere': accepted: tcp://HOST:PORT, as"),
        (["--cluster", "tcp://here"], "cluster = 'tcp://here': accepted: tcp://HOST:PORT, as"),
        (["--cluster", "tcp://here:99999"], "cluster = 'tcp://here:99999': accepted: tcp://HOS"),
        (["--cluster", "http://here:80"], "cluster = 'http://here:80': accepted: tcp://HOST:P"),
        (["--cluster", "tcp://h:1", "--jobs", "2"], "jobs = 2: a cluster's workers decide; acc"),
        (["--jobs", "none"], "jobs = none: accepted: 1 or more, or auto"),
    ],
)
@pytest.mark.parametrize(
    "script", ["accuracy_bands", "planned_runs", "kill_test", "random_experiments"]
)
def test_workers_that_cannot_be_are_a_sentence(
    script: str, options: list[str], sentence: str, tmp_path: Path
) -> None:
    done = run_script(script, "--results", tmp_path / "none.jsonl", *options)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith(f"error: {sentence}")


@pytest.mark.parametrize("script", ["kill_test", "random_experiments"])
def test_help_loads_no_framework_and_no_dask(script: str) -> None:
    run = run_in_a_process(script, "--help", PYTHONPROFILEIMPORTTIME="1")
    assert run.stdout.startswith("usage: ")
    loaded = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
    assert "pydantic" in loaded
    assert not loaded & {"torch", "tensorflow", "keras", "distributed", "dask", "hypothesis"}


@pytest.mark.slow
def test_runs_of_the_kill_test_are_done_once_and_end_with_their_worker(tmp_path: Path) -> None:
    results = tmp_path / "killed.jsonl"
    add_once(results, killing.KilledRun(backend="torch", seed=0, number=0, counts={}), id)
    line = command("kill_test", "--runs", "2", "--jobs", "2", "--results", results)
    begun = time.monotonic()
    found: list[tuple[int, int, int]] = []
    with subprocess.Popen(line, stdout=subprocess.DEVNULL) as run:
        while not found:  # the first training of all, which is not killed, is under way
            assert time.monotonic() < begun + 60
            time.sleep(0.05)
            blocks = [(w, block) for w in workers_of(run.pid) for block in children_of(w)]
            found = [(*above, training) for above in blocks for training in children_of(above[1])]
        ((worker, block, training),) = found
        os.kill(worker, signal.SIGKILL)
        time.sleep(1)  # what is left to do would take longer
        assert [command_line(process) for process in (block, training)] == [b"", b""]
    assert run.returncode == 0
    assert [line.number for line in read_lines(results, killing.KilledRun)] == [0, 1]


def test_a_random_experiment_that_fails_is_made_small_and_ends_with_status_1(
    tmp_path: Path,
) -> None:
    results, block = tmp_path / "random.jsonl", RandomBlock(seed=3, experiments=30)
    found = searched(block, "rho 0.99")
    assert found.smallest is not None
    assert found.smallest.optimizer.kind == "rmsprop"
    assert found.smallest.network.convolutions == ()
    add_once(results, found, attrgetter("identity"))
    options = ("--experiments", "30", "--seed", "3", "--results", results)
    run = run_script("random_experiments", *options)
    assert (run.returncode, run.stdout) == (1, f"seed 3: {'; '.join(found.parts)}\n")
    assert "step 0" in run.stdout
    results.write_text(Searched(seed=3, experiments=30).model_dump_json() + "\n")
    run = run_script("random_experiments", *options)
    assert run.returncode == 0
    assert run.stdout == "30 experiments: both frameworks agree in every step\n"
