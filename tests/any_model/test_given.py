"""What is found behind a first difference, where the port goes on from the reference's values."""

import pytest
from torch import Tensor
from torch.nn import functional

from parity_ladder import TorchSide
from tests.known_differences import occurrences
from tests.known_differences.planting import Planted, climbed


def port_with_half_the_loss(model: object, faulty: bool) -> TorchSide:
    """Return a port whose loss is half of Keras'; the faulty one has a dense gradient, too."""
    side = occurrences.text_port(model, faulty)
    net, optimizer = side.module, side.optimizer

    def step(tokens: Tensor, values: Tensor) -> None:
        optimizer.zero_grad()
        (functional.mse_loss(net(tokens), values) / 2).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return TorchSide(net, step, optimizer, pairs=side.pairs)


@pytest.mark.parametrize("is_dense", [False, True])
def test_a_sparse_gradient_stays_sparse_behind_another_difference(is_dense: bool) -> None:
    planted = Planted("", occurrences.text_model, port_with_half_the_loss, occurrences.texts)
    result = climbed(planted, faulty=is_dense)
    assert result.first_difference is not None
    assert result.first_difference.startswith("loss, step 0")
    names = [cause.name for cause in result.causes]
    assert ("occurrences of a token added up" in names) == is_dense, str(result)
