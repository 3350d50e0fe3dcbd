"""Each package loads only what it needs, and the two frameworks live together in either order."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(
    path
    for path in (ROOT / "scripts").glob("*.py")
    if 'if __name__ == "__main__"' in path.read_text()
)
FRAMEWORKS = {"torch", "keras", "tensorflow", "jax"}

STEP_TORCH = """
import torch
p = torch.nn.Parameter(torch.ones(3))
(p * p).sum().backward()
torch_cnn.KerasRMSprop([p]).step()
torch.optim.SGD([p], lr=0.1).step()
"""
STEP_KERAS = """
import keras, numpy
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
model.compile("rmsprop", "mse")
model.fit(numpy.ones((4, 3)), numpy.ones((4, 2)), verbose=0)
"""


def python(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )


def loaded(imports: str) -> set[str]:
    run = python("-c", f"{imports}\nimport sys\nprint(*sys.modules)")
    assert run.returncode == 0, run.stderr
    return FRAMEWORKS & set(run.stdout.split())


def test_the_experiment_loads_no_framework() -> None:
    assert loaded("import cnn_experiment") == set()


def test_the_torch_backend_loads_no_keras() -> None:
    assert loaded("import torch_cnn") == {"torch"}


def test_training_loads_no_compiler() -> None:
    """Which is 150 MB and more than a second, triton included."""
    run = python(
        "-c",
        "import sys, torch_cnn\n"
        "from parity_tests.random_digits import random_digits\n"
        "from parity_tests.small import small_experiment\n"
        "experiment = small_experiment(3).with_changes(epochs=1)\n"
        "torch_cnn.train(experiment, random_digits(experiment), device='cpu')\n"
        "print(*sys.modules)",
    )
    assert run.returncode == 0, run.stderr
    loaded_modules = set(run.stdout.split())
    assert "torch" in loaded_modules
    assert not {"torch._dynamo", "triton", "sympy"} & loaded_modules


def test_tensorflow_is_found_as_if_nothing_stood_before_it() -> None:
    """The hook that loads triton first keeps its place: taken out, it would hide the next one."""
    run = python(
        "-c",
        "import sys, torch_cnn\n"
        "class Asked:\n"
        "    names = []\n"
        "    def find_spec(self, name, *_):\n"
        "        self.names.append(name)\n"
        "sys.meta_path.insert(1, Asked())\n"
        "import tensorflow\n"
        "assert 'tensorflow' in Asked.names",
    )
    assert run.returncode == 0, run.stderr


def test_the_keras_backend_loads_no_torch() -> None:
    assert loaded("import keras_ref") - {"jax"} == {"keras", "tensorflow"}  # JAX: if it is there


@pytest.mark.parametrize(
    ("imports", "steps"),
    [
        ("import torch_cnn, keras_ref", STEP_TORCH + STEP_KERAS),
        ("import torch_cnn, keras_ref", STEP_KERAS + STEP_TORCH),
        ("import torch_cnn, tensorflow", STEP_KERAS + STEP_TORCH),
        ("import keras_ref, torch_cnn", STEP_KERAS + STEP_TORCH),
        ("import keras, torch_cnn, keras_ref", STEP_TORCH + STEP_KERAS),
        ("import tensorflow, torch_cnn, keras_ref", STEP_KERAS + STEP_TORCH),
    ],
)
def test_either_order_of_imports_trains_a_step_of_each(imports: str, steps: str) -> None:
    run = python("-c", imports + steps)
    assert run.returncode == 0, run.stderr


def test_keras_runs_on_tensorflow_whatever_the_environment_says() -> None:
    setting = "import os; os.environ['KERAS_BACKEND'] = 'torch'\n"
    run = python("-c", setting + "import keras_ref, keras\nprint(keras.config.backend())")
    assert run.stdout.strip() == "tensorflow"
    run = python("-c", setting + "import keras\nimport keras_ref")
    assert run.returncode == 1
    assert "keras was imported with another backend than TensorFlow" in run.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_help_loads_no_framework(script: Path) -> None:
    run = python("-X", "importtime", script, "--help")
    assert run.returncode == 0
    assert run.stdout.startswith("usage: ")
    modules = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
    assert "argparse" in modules
    assert not FRAMEWORKS & modules


def test_no_file_takes_the_name_of_a_standard_module() -> None:
    tracked = [
        path
        for folder in ROOT.iterdir()
        if not folder.name.startswith(".")
        for path in folder.glob("*.py")
    ]
    assert {path.stem for path in tracked} & (sys.stdlib_module_names - {"__init__"}) == set()


def test_the_backends_do_not_import_each_other() -> None:
    for package, other in (("torch_cnn", "keras"), ("keras_ref", "torch")):
        for path in (ROOT / package).glob("*.py"):
            lines = [line.split() for line in path.read_text().splitlines()]
            imported = [line[1] for line in lines if line[:1] in (["import"], ["from"])]
            assert not [name for name in imported if name.startswith(other)], path
