"""Two mistakes in the layers of one port are named one after the other."""

import keras
import pytest
from torch import nn
from torch.nn import functional

from parity_ladder import pair
from parity_ladder.known_differences import CATALOGUE
from parity_ladder.known_differences.places import ShapesPlace
from tests.known_differences.activations import Residual, residual
from tests.known_differences.planting import climbed
from tests.known_differences.small_nets import Do, Small, planted

L = keras.layers
PAIRS = {
    ("activation left out", "mean over the padding"): Small(
        lambda x: L.AveragePooling2D(3, 1, padding="same")(residual(x)),
        lambda _: nn.Sequential(Residual(faulty=True), nn.AvgPool2d(3, 1, 1)),
    ),
    ("padding the same on both sides", "another slope of LeakyReLU"): Small(
        lambda x: L.Conv2D(4, 3)(L.LeakyReLU()(L.Conv2D(4, 3, strides=2, padding="same")(x))),
        lambda _: nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.LeakyReLU(), nn.Conv2d(4, 4, 3)
        ),
    ),
    ("even window padded by its half on both sides", "mean over the padding"): Small(
        lambda x: L.AveragePooling2D(3, 2, padding="same")(
            L.Conv2D(4, 4, padding="same", activation="relu")(x)
        ),
        lambda _: nn.Sequential(
            nn.Conv2d(3, 4, 4, padding=2),
            nn.ReLU(),
            Do(lambda x: functional.avg_pool2d(functional.pad(x, (0, 1, 0, 1)), 3, 2)),
        ),
    ),
    ("maximum over zeros", "flatten with channels first"): Small(
        lambda x: L.Dense(5)(
            L.Flatten()(L.MaxPooling2D(3, 2, padding="same")(L.Conv2D(4, 3, padding="same")(x)))
        ),
        lambda _: nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1),
            Do(lambda x: functional.max_pool2d(functional.pad(x, (0, 1, 0, 1)), 3, 2)),
            nn.Flatten(),
            nn.Linear(64, 5),
        ),
    ),
    ("activation before the normalization", "maximum and mean exchanged"): Small(
        lambda x: L.MaxPooling2D(2)(
            L.ReLU()(L.BatchNormalization(momentum=1.0)(L.Conv2D(4, 3, use_bias=False)(x)))
        ),
        lambda _: nn.Sequential(
            nn.Conv2d(3, 4, 3, bias=False),
            nn.ReLU(),
            nn.BatchNorm2d(4, eps=1e-3, momentum=0.0),
            nn.AvgPool2d(2),
        ),
    ),
}


@pytest.mark.parametrize("names", PAIRS, ids=" and ".join)
def test_two_mistakes_are_named_one_after_the_other(names: tuple[str, str]) -> None:
    result = climbed(planted(names[0], PAIRS[names]), faulty=True)
    assert tuple(cause.name for cause in result.causes or ()) == names, str(result)


def test_groups_that_a_port_leaves_out_are_seen_in_its_kernel() -> None:
    # Keras' grouped convolutions need a GPU, so there is no climb.
    inputs = keras.Input((8, 8, 4))
    model = keras.Model(inputs, L.Conv2D(6, 3, groups=2)(inputs))
    entry = CATALOGUE["groups left out"]
    for groups, is_faulty in ((1, True), (2, False)):
        net = nn.Sequential(nn.Conv2d(4, 6, 3, groups=groups))
        pairs = pair(model, net, quiet=True)
        kernel = next(name for name in pairs.shapes if "kernel" in name)
        assert entry.variant(ShapesPlace(pairs, model, net, kernel)) is is_faulty
