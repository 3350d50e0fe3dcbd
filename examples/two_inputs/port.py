"""The mended port, which is the same computation as `keras_model.py`."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from keras_for_torch import CosineDecay, KerasScheduler, KerasSGD


class Net(nn.Module):
    """The network with two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(12, 4)
        self.hidden = nn.Linear(12, 32)
        self.head = nn.Linear(32, 1)

    def forward(self, numbers: Tensor, category: Tensor) -> Tensor:
        """Return the prices (batch, 1) of numbers (batch, 8) and a category (batch, 1)."""
        x = torch.cat([numbers, self.embedding(category).flatten(1)], dim=1)
        prices: Tensor = self.head(functional.relu(self.hidden(x)))
        return prices


net = Net()
optimizer = KerasSGD(net.parameters(), lr=1e-2, momentum=0.9)
scheduler = KerasScheduler(optimizer, CosineDecay(1e-2, decay_steps=15, alpha=0.1))


def train_step(inputs: dict[str, Tensor], targets: Tensor) -> None:
    """Train on one batch."""
    optimizer.zero_grad()
    prices = net(inputs["numbers"], inputs["category"])
    loss = functional.huber_loss(prices, targets, delta=0.5)
    loss = loss + 1e-3 * net.hidden.weight.square().sum()
    loss.backward()
    optimizer.step()
    scheduler.step()
