"""Random Keras models and their PyTorch twins compute the same, in every step.

    pytest tests/random_models --hypothesis-profile thorough

climbs with 300 of them. A failure is shrunk to a small recipe, which is printed.
"""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import Phase, example, find, given, note, settings
from torch import Tensor, nn

from parity_ladder import KerasSide, Result, TorchSide, climb, pair
from tests.random_models.keras_twin import CLASSES, TOKENS, keras_twin
from tests.random_models.recipes import Piece, Recipe, recipes
from tests.random_models.torch_twin import TorchTwin, loss_of, optimizer_of

STEPS = 3
EXAMPLES = settings().max_examples if settings().max_examples >= 300 else 8
"""A climb takes a second, so the quick profile has few."""
MEANS_OF_ROUNDING = Recipe((Piece("batch_norm"), Piece("batch_norm")), length=4)
ROUNDINGS_THAT_CANCEL = Recipe(
    (
        Piece("conv", bias=False),
        Piece("conv", bias=False),
        Piece("attention", window=2, bias=False),
        Piece("conv", size=2, bias=False),
    ),
    sequence=True,
    tokens=True,
    length=4,
    channels=2,
    optimizer="nesterov",
)
"""Found by 300: those of the attention's scale and of the optimizer's momentum, in one update."""


def batches_of(recipe: Recipe) -> list[tuple[Any, Any]]:
    source = np.random.default_rng(2)
    found = []
    for _ in range(STEPS):
        if recipe.tokens:
            x: Any = source.integers(0, TOKENS, (4, recipe.length))
        elif recipe.sequence:
            x = source.normal(size=(4, recipe.length, recipe.channels))
        else:
            x = source.normal(size=(4, recipe.length, recipe.length, recipe.channels))
        y: Any = source.normal(size=(4, CLASSES))
        if recipe.loss == "classes":
            y = source.integers(0, CLASSES, 4)
        elif recipe.loss == "binary":
            y = (y > 0).astype(float)
        found.append((x, y))
    return found


def climbed(recipe: Recipe, fault: str = "") -> Result:
    """Climb with the twin of a recipe, in which a fault may be planted."""
    tf.config.run_functions_eagerly(True)
    try:
        keras.utils.set_random_seed(3)
        model = keras_twin(recipe)
        twin = TorchTwin(recipe, model)
        for module in twin.modules():
            if fault == "epsilon" and isinstance(module, nn.LayerNorm):
                module.eps = 1e-5
        optimizer = optimizer_of(recipe, twin)

        def step(x: Tensor, y: Tensor) -> None:
            optimizer.zero_grad()
            loss = loss_of(recipe, twin(x), y)
            if recipe.penalty and fault != "penalty":
                loss = loss + 0.01 * twin.head.weight.square().sum()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

        port = TorchSide(twin, step, optimizer, pairs=pair(model, twin, quiet=True))
        return climb(port, KerasSide(model), batches_of(recipe), show_progress=False)
    finally:
        tf.config.run_functions_eagerly(False)


@settings(max_examples=EXAMPLES, deadline=None)
@given(recipes())
@example(MEANS_OF_ROUNDING)
@example(ROUNDINGS_THAT_CANCEL)
def test_a_keras_model_and_its_twin_compute_the_same(recipe: Recipe) -> None:
    note(str(recipe))
    result = climbed(recipe)
    assert result.holds, str(result)
    judged = {rung.rung for rung in result.rungs if rung.passed}
    kept = set() if recipe.optimizer == "sgd" else {"optimizer state"}  # SGD keeps nothing
    assert judged >= {"layer outputs", "loss", "gradients", "updated weights"} | kept


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["epsilon", "penalty"])
def test_a_planted_fault_is_found_and_shrunk(fault: str) -> None:
    """Not by luck: the smallest recipe has what the fault needs, and nothing else."""
    smallest = find(
        recipes(),
        lambda recipe: not climbed(recipe, fault).holds,
        settings=settings(
            max_examples=200,
            phases=[Phase.generate, Phase.shrink],
            deadline=None,
            derandomize=True,
        ),
    )
    if fault == "epsilon":
        assert [piece.kind for piece in smallest.pieces] == ["layer_norm"]
        assert not smallest.penalty
    else:
        assert smallest.pieces == ()
        assert smallest.penalty
    assert (smallest.optimizer, smallest.clipping) == ("sgd", "")
