"""Runs that are stopped, starved or disturbed, as a person at `scripts/train.py` sees them."""

import resource
import shlex
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from cnn_experiment import RunFolder
from tests.running_scripts import SCRIPTS, Run, command, run_in_a_process, run_script

SCRIPT = SCRIPTS / "train.py"
FEW = ["--train-images", "6400", "--test-images", "200", "--device", "cpu"]


def train(*options: str | Path) -> Run:
    return run_script("train", *options)


def error_of(run: Run) -> str:
    assert run.returncode == 1, run.stderr
    last: str = run.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    return last


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Two epochs that nobody disturbs."""
    folder = RunFolder(tmp_path_factory.mktemp("alone"))
    run = train(*FEW, "--epochs", "2", "--out", folder.path)
    assert run.returncode == 0, run.stderr
    return folder


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_finishes_the_step_and_says_how_to_go_on(
    number: signal.Signals, status: int, alone: RunFolder, tmp_path: Path
) -> None:
    # A suite that runs in the background ignores SIGINT, and its children would too.
    heed = partial(signal.signal, number, signal.SIG_DFL)
    start = command("train", *FEW, "--epochs", "2", "--checkpoint-every", "10", "--out", tmp_path)
    with subprocess.Popen(
        start, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed
    ) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        assert run.stdout.readline().startswith("article-2 on torch")
        folder = RunFolder(tmp_path)
        while folder.read().iteration == 0:
            assert run.poll() is None, run.stderr.read()
        second = train("--resume", tmp_path)
        run.send_signal(number)
        words = run.stderr.read()
    assert "another process is training in it; accepted: a folder of its own" in error_of(second)
    if run.returncode == 0:
        pytest.fail("it was finished before the signal came; give it more to do")
    assert run.returncode == status
    kept = folder.read()
    go_on = f"{sys.executable} {SCRIPT} --resume {tmp_path} --checkpoint-every 10 --device cpu"
    assert words.splitlines()[-1] == (f"{number.name}: stopped after {kept}; go on with: {go_on}")
    assert not folder.weights_file.exists()

    on = train(*shlex.split(go_on)[2:])
    assert on.returncode == 0, on.stderr
    assert f"; going on after {kept}" in on.stdout.splitlines()[0]
    assert folder.weights_file.read_bytes() == alone.weights_file.read_bytes()
    assert "the run is finished, after 2 epochs" in error_of(train("--resume", tmp_path))


def test_a_loss_that_is_not_finite_ends_the_run(tmp_path: Path) -> None:
    run = train(*FEW, "--epochs", "1", "--learning-rate", "1e30", "--out", tmp_path)
    words = error_of(run)
    assert words.startswith("error: the loss is ")
    assert " at step " in words
    assert words.endswith("latest.safetensors holds the run after 0 epochs, step 0")
    with_states = [*FEW, "--epochs", "1", "--learning-rate", "1e30", "--checkpoint-every", "1"]
    words = error_of(train(*with_states, "--out", tmp_path / "2"))
    kept = RunFolder(tmp_path / "2").read()
    assert words.endswith(f"latest.safetensors holds the run after {kept}")


def test_a_state_that_is_not_finite_ends_the_run_too(tmp_path: Path) -> None:
    """The loss is still a number when the squares in the optimizer no longer are."""
    options = ["--learning-rate", "1e5", "--epochs", "2", "--checkpoint-every", "20"]
    words = error_of(train(*FEW, *options, "--out", tmp_path))
    assert " at step " in words
    assert f"latest.safetensors holds the run after {RunFolder(tmp_path).read()}" in words


def test_a_run_goes_on_in_its_own_backend_and_a_refusal_changes_nothing(tmp_path: Path) -> None:
    few = ["--train-images", "300", "--test-images", "100", "--epochs", "1"]
    assert train("--precision", "bfloat16", *few, "--out", tmp_path).returncode == 0
    before = {path: path.read_bytes() for path in RunFolder(tmp_path).files}
    longer = train("--resume", tmp_path, "--backend", "keras", "--epochs", "2")
    assert "precision = 'bfloat16': accepted by the Keras backend: full" in error_of(longer)
    assert {path: path.read_bytes() for path in before} == before
    out = tmp_path / "of keras"
    assert train("--backend", "keras", *few, "--out", out).returncode == 0
    longer = train("--resume", out, "--epochs", "2")
    assert longer.returncode == 0, longer.stderr
    assert longer.stdout.startswith("of keras on keras (cpu:0): ")


def limit_files_to(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_no_room_for_a_file_ends_the_run_and_keeps_the_last_state(
    alone: RunFolder, tmp_path: Path
) -> None:
    assert train(*FEW, "--epochs", "1", "--out", tmp_path).returncode == 0
    folder = RunFolder(tmp_path)
    before = folder.latest_file.read_bytes()
    half = partial(limit_files_to, len(before) // 2)
    words = error_of(run_in_a_process("train", "--resume", tmp_path, "--epochs", "2", before=half))
    assert "File too large" in words
    assert words.endswith(f"{folder.latest_file} holds the run after 1 epoch, step 100")
    assert all(file.exists() for file in folder.files)
    assert folder.latest_file.read_bytes() == before
    assert not list(tmp_path.glob(".*.partial"))
    assert train("--resume", tmp_path, "--epochs", "2").returncode == 0
    assert folder.weights_file.read_bytes() == alone.weights_file.read_bytes()


def may_mount() -> bool:
    run = subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],  # noqa: S607
        capture_output=True,
        check=False,
    )
    return run.returncode == 0


@pytest.mark.skipif(
    sys.platform != "linux" or not may_mount(), reason="a file system may not be mounted here"
)
def test_a_full_and_a_read_only_file_system_lose_nothing(tmp_path: Path) -> None:
    """A file system of 12 MB in a name space of its own, filled up, and then made read-only."""
    run = tmp_path / "disk" / "run"
    resume = f"{sys.executable} {SCRIPT} --resume {run} --epochs 2"
    script = f"""
set -e
mkdir {run.parent}; mount -t tmpfs -o size=12m tmpfs {run.parent}
{" ".join(command("train", *FEW, "--epochs", "1", "--out", run))} > /dev/null
sha256sum {run}/latest.safetensors
dd if=/dev/zero of={run.parent}/ballast bs=1k 2> /dev/null || true
{resume} 2>&1 > /dev/null | tail -1
sha256sum {run}/latest.safetensors
mount -o remount,ro {run.parent}
{resume} 2>&1 > /dev/null | tail -1
sha256sum {run}/latest.safetensors
"""
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert lines[0] == lines[2] == lines[4]
    latest = f"{run}/latest.safetensors"
    assert lines[1] == (
        f"error: {latest}: No space left on device; {latest} holds the run after 1 epoch, step 100"
    )
    assert lines[3] == (
        f"error: the run's folder {run}: Read-only file system; accepted: a folder that can be"
        " written to"
    )
    assert len(lines) == 5


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--seed", "0"], "seed = 0: it cannot be changed in the middle of a run; accepted with"),
        (["--no-staircase"], "staircase = False: it cannot be changed in the middle of a run; ac"),
        (["--seed", "3"], "seed = 3: it cannot be changed in the middle of a run; accepted with"),
        (
            ["--epochs", "1"],
            "epochs = 1: the checkpoint has 2 epochs, step 200; accepted: at least",
        ),
        (["--threads", "0", "--epochs", "3"], "threads = 0: accepted: 1 to "),
        (["--checkpoint-every", "0", "--epochs", "3"], "checkpoint_every = 0: accepted: 1 or mor"),
    ],
)
def test_what_cannot_be_resumed_is_named(
    options: list[str], sentence: str, alone: RunFolder
) -> None:
    before = {path: path.read_bytes() for path in alone.files}
    assert sentence in error_of(train("--resume", alone.path, *options))
    assert {path: path.read_bytes() for path in alone.files} == before


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    assert "it holds no run that can be resumed; accepted: a run's folder" in error_of(
        train("--resume", tmp_path / "nothing")
    )
    assert not (tmp_path / "nothing").exists()
