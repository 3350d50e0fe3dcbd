"""Processes that `torchrun` starts train one run together: in float64, that of one process.

The 50 batches of the runs are of 64 images, the last one of 17, which no number of ranks divides.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from cnn_experiment import Checkpoint, RunFolder, UserError, preset
from cnn_experiment.session import TrainingOptions, new_session, resumed_session
from tests.running_scripts import run_script
from tests.stress.killing import state

STEPS, LAST = 50, 17
TOLERANCE = 1e-12
Torchrun = subprocess.Popen[str]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds the ranks in /proc")


@pytest.fixture(scope="module")
def experiment_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return file_of(STEPS, tmp_path_factory.mktemp("experiment"))


def file_of(steps: int, folder: Path) -> Path:
    experiment = preset("article-3-addendum")
    images = (steps - 1) * experiment.batch_size + LAST
    data = experiment.data.with_changes(train_images=images, test_images=300)
    file = folder / "experiment.json"
    file.write_text(experiment.with_changes(dtype="float64", epochs=1, data=data).to_json())
    return file


@pytest.fixture(scope="module")
def alone(experiment_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """The run of one process."""
    return trained_alone(experiment_file, tmp_path_factory.mktemp("alone") / "run")


def trained_alone(experiment_file: Path, folder: Path) -> Checkpoint:
    options = ("--experiment", experiment_file, "--out", folder, "--plot", "none")
    run = run_script("train", *options)
    assert run.returncode == 0, run.stderr
    return RunFolder(folder).read()


@contextmanager
def torchrun(
    count: int,
    *options: str | Path,
    restarts: int = 0,
    script: Path | None = None,
    meeting: Sequence[str] = ("--standalone",),
) -> Iterator[Torchrun]:
    """Start so many ranks of `twin-cnn train`, or of another program."""
    program = ["-m", "twin_cnn", "train"] if script is None else [str(script)]
    words = [sys.executable, "-m", "torch.distributed.run", *meeting]
    words += ["--nproc-per-node", str(count), "--max-restarts", str(restarts), *program]
    with subprocess.Popen(
        [*words, "--plot", "none", *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def ended(process: Torchrun) -> tuple[int, str, str]:
    """Wait; return the exit status, and what the ranks and torchrun have printed."""
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def wait_for_step(process: Torchrun, step: int, folder: Path) -> None:
    """Wait until a state of so many steps has been saved."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        run = RunFolder(folder)
        if run.latest_file.exists() and run.read().iteration >= step:
            return
        time.sleep(0.005)
    raise AssertionError(f"no state of step {step}", ended(process))


def kill_rank(processes: Sequence[Torchrun], rank: int) -> None:
    lists = [Path(f"/proc/{each.pid}/task/{each.pid}/children") for each in processes]
    children = [child for each in lists for child in each.read_text().split()]
    (pid,) = (child for child in children if is_rank(child, rank))
    os.kill(int(pid), signal.SIGKILL)


def is_rank(pid: str, rank: int) -> bool:
    return b"RANK=%d" % rank in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


def furthest(ours: Checkpoint, theirs: Checkpoint) -> float:
    """The largest difference of a weight, of the optimizer's state, or of a result of an epoch."""
    assert ours.iteration == theirs.iteration
    pairs = [(ours.weights, theirs.weights), (ours.optimizer_state, theirs.optimizer_state)]
    distances = [np.abs(ours[name] - theirs[name]).max() for ours, theirs in pairs for name in ours]
    for our_epoch, their_epoch in zip(ours.history, theirs.history, strict=True):
        assert our_epoch.accuracy == their_epoch.accuracy
        assert our_epoch.val_accuracy == their_epoch.val_accuracy
        distances += [our_epoch.loss - their_epoch.loss, our_epoch.val_loss - their_epoch.val_loss]
    return float(np.abs(distances).max())


@pytest.fixture(scope="module")
def of_two(experiment_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return trained_by(2, experiment_file, tmp_path_factory.mktemp("two") / "run")


def trained_by(count: int, experiment_file: Path, folder: Path) -> Checkpoint:
    with torchrun(count, "--experiment", experiment_file, "--out", folder) as process:
        status, out, err = ended(process)
    assert status == 0, err
    assert f"torch (cpu, {count} processes)" in out
    assert out.count("epoch 1: ") == 1  # one of them speaks for all
    kept = RunFolder(folder).read()
    assert kept.ranks == count
    return kept


def test_two_ranks_follow_one_process(alone: Checkpoint, of_two: Checkpoint) -> None:
    assert furthest(of_two, alone) < TOLERANCE


def test_four_ranks_follow_one_process(
    alone: Checkpoint, experiment_file: Path, tmp_path: Path
) -> None:
    assert furthest(trained_by(4, experiment_file, tmp_path / "run"), alone) < TOLERANCE


AVERAGING = """
import torch_cnn.step
from twin_cnn.train import main

pass_of_ranks = torch_cnn.step._pass_of_ranks

def averaged(ranks, model, parameters, images, labels, batch_size):
    return pass_of_ranks(ranks, model, parameters, images, labels, len(labels) * ranks.count)

torch_cnn.step._pass_of_ranks = averaged
main()
"""


def test_ranks_that_are_averaged_without_regard_to_their_sizes_are_found(tmp_path: Path) -> None:
    """What `DistributedDataParallel` does by itself is not the last batch's gradient."""
    short, script = file_of(3, tmp_path), tmp_path / "averaging.py"
    script.write_text(AVERAGING)
    options = ("--experiment", short, "--out", tmp_path / "averaged", "--checkpoint-every", 2)
    with torchrun(2, *map(str, options), script=script) as process:
        assert ended(process)[0] == 0
    averaged = RunFolder(tmp_path / "averaged").read()
    assert furthest(averaged, trained_alone(short, tmp_path / "alone")) > 1e6 * TOLERANCE


def test_a_killed_rank_ends_the_run_and_another_number_of_ranks_goes_on(
    alone: Checkpoint, experiment_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    options = ("--experiment", experiment_file, "--out", folder, "--checkpoint-every", "2")
    with torchrun(3, *options) as process:
        wait_for_step(process, 4, folder)
        kill_rank([process], 2)
        status, _, err = ended(process)
    assert status != 0
    kept = RunFolder(folder).read()
    assert [line for line in err.splitlines() if line.startswith("error")] == [
        "error: another process of this run has ended;"
        f" {folder / 'latest.safetensors'} holds the run's latest state"
    ]
    assert 4 <= kept.iteration < STEPS

    with torchrun(2, "--resume", folder) as process:
        status, out, err = ended(process)
    assert status == 0, err
    assert f"going on after {kept}, of 3 processes: with 2 the sums are rounded otherwise" in out
    assert furthest(RunFolder(folder).read(), alone) < TOLERANCE


def test_torchrun_starts_a_killed_rank_again_and_the_run_ends_as_the_one_left_alone(
    of_two: Checkpoint, experiment_file: Path, tmp_path: Path
) -> None:
    """To the last bit, whichever rank it is: here rank 0, which opens the folder and saves."""
    folder = tmp_path / "run"
    options = ("--experiment", experiment_file, "--out", folder, "--checkpoint-every", "2")
    with torchrun(2, *options, restarts=1) as process:
        wait_for_step(process, 4, folder)
        kill_rank([process], 0)
        status, out, err = ended(process)
    assert status == 0, err
    assert re.search(r"going on after 0 epochs and \d+ batches, step \d+$", out, re.MULTILINE)
    assert state(RunFolder(folder).read()) == state(of_two)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_saves_the_step_under_way_and_as_many_ranks_go_on_bit_for_bit(
    name: str, of_two: Checkpoint, experiment_file: Path, tmp_path: Path
) -> None:
    """`torchrun` hands it on to all ranks, which may be in different steps when they hear it."""
    folder = tmp_path / "run"
    options = ("--experiment", experiment_file, "--out", folder, "--checkpoint-every", "2")
    with torchrun(2, *options) as process:
        wait_for_step(process, 4, folder)
        process.send_signal(signal.Signals[name])
        _, _, err = ended(process)
    kept = RunFolder(folder).read()
    assert 4 <= kept.iteration < STEPS
    assert [line for line in err.splitlines() if line.startswith(("error", "SIG"))] == [
        f"{name}: stopped after {kept}; go on with: torchrun --nproc-per-node 2 -m twin_cnn train"
        f" --resume {folder} --checkpoint-every 2 --plot none"
    ]
    with torchrun(2, "--resume", folder) as process:
        status, out, err = ended(process)
    assert status == 0, err
    assert re.search(rf"; going on after {kept}$", out, re.MULTILINE)
    assert state(RunFolder(folder).read()) == state(of_two)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_two_machines_start_again_together(
    rank: int, of_two: Checkpoint, experiment_file: Path, tmp_path: Path
) -> None:
    """Two torchruns on this machine; each of them counts its own starts."""
    folder = tmp_path / "run"
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    machine = ["--nnodes", "2", "--rdzv-backend", "c10d", "--rdzv-endpoint", f"localhost:{port}"]
    options = ("--experiment", experiment_file, "--out", folder, "--checkpoint-every", "2")
    with (
        torchrun(1, *options, restarts=1, meeting=machine) as one,
        torchrun(1, *options, restarts=1, meeting=machine) as other,
    ):
        wait_for_step(one, 4, folder)
        kill_rank((one, other), rank)
        ends = [ended(process) for process in (one, other)]
    assert [status for status, _, _ in ends] == [0, 0], ends
    assert state(RunFolder(folder).read()) == state(of_two)


def test_keras_is_refused_before_anything_is_changed(tmp_path: Path) -> None:
    run, two = RunFolder(tmp_path / "run"), TrainingOptions(ranks=2)
    run.start(preset("article-2"), "keras")
    before = {file.name: file.read_bytes() for file in run.path.iterdir()}
    sentence = "backend = 'keras': several processes train with torch alone"
    new = new_session(preset("article-2"), run, "keras", two, overwrite=True)
    for session in (new, resumed_session(run, two)):
        with pytest.raises(UserError, match=sentence), session:
            pass
    after = {file.name: file.read_bytes() for file in run.path.iterdir() if file.name != ".lock"}
    assert after == before


OTHER_NETWORKS = """
import torch.distributed as dist
import torch_cnn
from cnn_experiment import UserError
from parity_tests.random_digits import random_digits
from parity_tests.small import small_experiment

dist.init_process_group("gloo")
experiment = small_experiment()
if dist.get_rank() == 1:
    network = experiment.network.with_changes(hidden=())
    experiment = experiment.with_changes(network=network)
try:
    torch_cnn.train(experiment, random_digits(experiment))
except UserError as error:
    print(error)
"""


@pytest.mark.slow
def test_ranks_with_other_networks_are_refused(tmp_path: Path) -> None:
    script = tmp_path / "other_networks.py"
    script.write_text(OTHER_NETWORKS)
    with torchrun(2, script=script) as process:
        status, out, err = ended(process)
    assert status == 0, err
    sentence = "start: accepted: the same in all processes that train together"
    assert out.splitlines() == [sentence, sentence]


def test_what_is_wrong_is_said_once_and_never_becomes_a_start_anew(
    experiment_file: Path, tmp_path: Path
) -> None:
    """A folder with a run of its own is refused by the first start, and by the second."""
    folder = tmp_path / "run"
    run = RunFolder(folder)
    run.start(preset("article-2"), "torch")
    before = run.latest_file.read_bytes()
    with torchrun(2, "--experiment", experiment_file, "--out", folder, restarts=1) as process:
        status, _, err = ended(process)
    assert status != 0
    sentences = [line for line in err.splitlines() if line.startswith("error: out = ")]
    assert len(sentences) == 2  # one for each start
    assert "it holds an unfinished run" in sentences[0]
    assert [line for line in err.splitlines() if line.startswith("error")] == sentences
    assert run.latest_file.read_bytes() == before


@pytest.mark.cuda
def test_ranks_on_two_gpus_follow_one(experiment_file: Path, tmp_path: Path) -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    kept = []
    for count in (1, 2):
        options = ("--experiment", experiment_file, "--out", tmp_path / f"{count}")
        with torchrun(count, *options, "--device", "cuda") as process:
            status, _, err = ended(process)
        assert status == 0, err
        kept.append(RunFolder(tmp_path / f"{count}").read())
    assert furthest(kept[1], kept[0]) < TOLERANCE
