"""A sound port is never blamed: the mended ports of the examples, from many starts.

    pytest tests/test_false_alarms.py -m slow

climbs 50 times, ten with each example, each from other weights and with other batches.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity_ladder import KerasSide, TorchSide, climb, pair
from tests.any_model.small_models import eagerly

EXAMPLES = Path(__file__).parents[1] / "examples"
NAMES = ("autoencoder", "strided_cnn", "text_lstm", "transformer", "two_inputs")
SEEDS = 10


def modules_of(example: str) -> tuple[Any, Any]:
    """The example's `keras_model` and `port`, as if the current folder was its own."""
    sys.path.insert(0, str(EXAMPLES / example))
    try:
        for name in ("keras_model", "port"):
            sys.modules.pop(name, None)
        return importlib.import_module("keras_model"), importlib.import_module("port")
    finally:
        sys.path.pop(0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("example", NAMES)
def test_a_sound_port_never_gets_a_cause(example: str, seed: int) -> None:
    theirs, ours = modules_of(example)
    model = theirs.keras_model()
    source = np.random.default_rng(seed)
    model.set_weights(
        [
            weight
            if weight.dtype.kind != "f"
            else weight + np.abs(0.1 * source.normal(size=weight.shape)).astype(weight.dtype)
            for weight in model.get_weights()
        ]
    )
    batches = theirs.batches()
    batches = [batches[place] for place in source.permutation(len(batches))[:4]]
    options = {"scheduler": ours.scheduler} if hasattr(ours, "scheduler") else {}
    pairs = pair(model, ours.net, quiet=True)
    port = TorchSide(ours.net, ours.train_step, ours.optimizer, pairs=pairs, **options)
    with eagerly():
        result = climb(port, KerasSide(model), batches)
    assert result.holds, str(result)
    assert result.causes == ()
