"""Each package loads only what it needs, and the two frameworks live together in either order.

In processes of their own. What the source alone tells stands in `tests/test_architecture.py`.
"""

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
    return set(run.stdout.split())


def test_the_ladder_loads_nothing_of_ours_and_no_framework() -> None:
    modules = {name.partition(".")[0] for name in loaded("import parity_ladder")}
    ours = {path.parent.name for path in ROOT.glob("[a-z]*/__init__.py")} | {"scripts"}
    assert modules & ours == {"parity_ladder"}
    assert not modules & (FRAMEWORKS | {"matplotlib", "jinja2"})


def test_the_experiment_loads_no_framework() -> None:
    assert not FRAMEWORKS & loaded("import cnn_experiment")


TRAINING_IN_TORCH = """
import torch_cnn
from parity_tests.random_digits import random_digits
from parity_tests.small import small_experiment
experiment = small_experiment(3).with_changes(epochs=1)
torch_cnn.train(experiment, random_digits(experiment), device='cpu')
"""


def test_training_in_torch_loads_no_keras_and_no_compiler() -> None:
    """The compiler is 150 MB and more than a second, triton included."""
    modules = loaded(TRAINING_IN_TORCH)
    assert FRAMEWORKS & modules == {"torch"}
    assert not {"torch._dynamo", "triton", "sympy"} & modules


# The hook that loads triton before TensorFlow must keep its place among Python's finders: if it
# took itself out while it is asked, the next one would never be asked for TensorFlow.
TENSORFLOW_IS_ASKED_FOR = """
import sys, torch_cnn
class Asked:
    names = []
    def find_spec(self, name, *_):
        self.names.append(name)
sys.meta_path.insert(1, Asked())
import tensorflow
assert 'tensorflow' in Asked.names
"""


@pytest.mark.parametrize(
    ("imports", "steps"),
    [
        ("import torch_cnn, keras_ref", STEP_TORCH + STEP_KERAS),
        (TENSORFLOW_IS_ASKED_FOR, STEP_KERAS + STEP_TORCH),
        *(
            pytest.param(imports, steps, marks=pytest.mark.slow)
            for imports, steps in (
                ("import torch_cnn, keras_ref", STEP_KERAS + STEP_TORCH),
                ("import keras, torch_cnn, keras_ref", STEP_TORCH + STEP_KERAS),
                ("import keras_ref, torch_cnn", STEP_KERAS + STEP_TORCH),
                ("import tensorflow, torch_cnn, keras_ref", STEP_KERAS + STEP_TORCH),
            )
        ),
    ],
    ids=lambda text: text.strip().partition("\n")[0],
)
def test_either_order_of_imports_trains_a_step_of_each(imports: str, steps: str) -> None:
    run = python("-c", imports + steps)
    assert run.returncode == 0, run.stderr


def test_keras_runs_on_tensorflow_and_loads_no_torch_whatever_the_environment_says() -> None:
    code = "import os; os.environ['KERAS_BACKEND'] = 'torch'\nimport keras_ref, keras\n"
    modules = loaded(code + "assert keras.config.backend() == 'tensorflow'")
    assert (FRAMEWORKS & modules) - {"jax"} == {"keras", "tensorflow"}  # JAX: if it is there


def test_keras_on_another_framework_is_refused() -> None:
    run = python("-c", "import os; os.environ['KERAS_BACKEND'] = 'torch'\nimport keras, keras_ref")
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
