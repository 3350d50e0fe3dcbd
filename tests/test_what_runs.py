"""Tests that need a GPU say so, and tests on the processor never use one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]


def test_no_gpu_can_be_used_without_being_asked_for(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--device") == "cpu":
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1"
        assert not torch.cuda.is_available()


def test_a_device_that_is_not_there_is_an_error_and_not_a_skip() -> None:
    command = [sys.executable, "-m", "pytest", "--device", "cuda", "-m", "cuda", "parity_tests"]
    hidden = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(command, cwd=ROOT, env=hidden, capture_output=True, text=True)
    assert done.returncode == 4
    assert "ERROR: --device cuda: PyTorch finds no CUDA device here" in done.stderr
