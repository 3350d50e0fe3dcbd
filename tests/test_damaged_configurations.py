"""A saved model's JSON with any values in any places is read or refused in one sentence."""

import json
import random
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from keras import losses, optimizers

from cnn_experiment import Experiment, UserError, preset
from cnn_experiment.formats.keras_config import read_config
from tests.keras_models import cnn, saved

TIMES = 4_000
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**70, 10**400, 0.5, -0.5, 1e-300, 1e300,
    float("nan"), float("inf"), "", "x", "l2", "rmsprop", "\ud800", "a\nb", "y" * 1_000,
    [], [[]], [None], [1, 2], {}, {"class_name": 1}, {"class_name": "L2", "config": {"l2": []}},
    {"class_name": "RMSprop", "config": []}, {"config": {}},
)  # fmt: skip
"""Values that stand in few sound files, or in other places."""


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The JSON of a Functional model with all that is taken."""
    model = cnn(functional=True, kernel_regularizer="l2", bias_regularizer="l1")
    rate = optimizers.schedules.ExponentialDecay(1e-2, 100, 0.5)
    model.compile(optimizers.RMSprop(rate), losses.CategoricalCrossentropy())
    with zipfile.ZipFile(saved(model, tmp_path_factory.mktemp("sound"))) as archive:
        content: dict[str, Any] = json.loads(archive.read("config.json"))
    return content


def places(part: Any) -> Iterator[tuple[Any, Any]]:
    """Each list or object below `part`, with each of its places."""
    items = part.items() if isinstance(part, dict) else enumerate(part)
    for key, value in list(items):
        yield part, key
        if isinstance(value, dict | list):
            yield from places(value)


def damage(content: dict[str, Any], source: random.Random) -> None:
    """Replace, remove or add a value somewhere, often in what says how the model is trained."""
    roots = [content, content["config"], content["compile_config"]]
    whole, key = source.choice([*places(source.choice(roots))])
    match source.choice(("replace", "replace", "remove", "add")):
        case "replace":
            whole[key] = source.choice(ODD)
        case "remove":
            del whole[key]
        case "add" if isinstance(whole, dict):
            whole[source.choice(("new", "kind", "decay", "lr", "layers"))] = source.choice(ODD)
        case "add":
            whole.append(source.choice(ODD))


def test_it_is_read_or_refused(described: dict[str, Any]) -> None:
    source = random.Random(1)  # noqa: S311 - no secrets here
    text = json.dumps(described)
    assert read_config(text).training.taken.keys() == {"optimizer", "schedule", "regularizer"}
    outcomes = {"read": 0, "refused": 0}
    for _ in range(TIMES):
        content = json.loads(text)
        damage(content, source)
        try:
            network, names, training = read_config(json.dumps(content))
        except UserError as error:
            outcomes["refused"] += 1
            sentences = [str(error)]
        else:
            outcomes["read"] += 1
            sentences = [*training.left]
            made = preset("article-2").with_changes(network=network, **training.taken)
            assert Experiment.from_json(made.to_json()) == made
            assert len(names) == 5
        for sentence in sentences:
            assert "\n" not in sentence
            assert 0 < len(sentence) < 500, sentence
    assert min(outcomes.values()) > TIMES / 10, outcomes
