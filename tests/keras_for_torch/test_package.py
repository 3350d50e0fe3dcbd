"""What the package loads, and the example in its docstring."""

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import torch

import keras_for_torch

ROOT = Path(__file__).parents[2]

EVERY_OPTIMIZER = """
import sys, torch, keras_for_torch as k
for name in k.optimizers.__all__:
    if name != "KerasOptimizer":
        parameter = torch.nn.Parameter(torch.ones(2))
        optimizer = getattr(k, name)([parameter], clipnorm=1.0)
        scheduler = k.KerasScheduler(optimizer, k.CosineDecay(0.1, 10))
        parameter.square().sum().backward()
        optimizer.step()
        scheduler.step()
        print(name)
print(*sys.modules)
"""


def test_it_loads_nothing_of_ours_no_other_framework_and_no_compiler() -> None:
    run = subprocess.run(
        [sys.executable, "-c", EVERY_OPTIMIZER],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    *names, modules = run.stdout.splitlines()
    assert len(names) == 7
    ours = {path.parent.name for path in ROOT.glob("[a-z]*/__init__.py")}
    tops = {name.partition(".")[0] for name in modules.split()}
    assert tops & ours == {"keras_for_torch"}
    assert not tops & {"keras", "tensorflow", "jax", "triton", "sympy", "pydantic"}
    assert "torch._dynamo" not in modules.split()


def test_the_example_of_the_docstring_runs() -> None:
    text = str(keras_for_torch.__doc__)
    example = textwrap.dedent(text[text.index("    optimizer =") : text.index("Keras' argument")])
    model = torch.nn.Linear(3, 2)
    names: dict[str, Any] = {
        "model": model,
        "batches": [(torch.ones(4, 3), torch.zeros(4, 2))] * 3,
        "loss_of": torch.nn.functional.mse_loss,
        **{name: getattr(keras_for_torch, name) for name in keras_for_torch.__all__},
    }
    exec(example, names)  # noqa: S102 - our own docstring
    assert names["scheduler"].last_epoch == 3
    assert names["optimizer"].param_groups[0]["lr"] == keras_for_torch.CosineDecay(1e-3, 10_000)(3)
