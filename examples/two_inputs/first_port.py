"""The port as it was first written. Where it differs from `port.py`, it is wrong."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import CosineAnnealingLR


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
optimizer = torch.optim.SGD(net.parameters(), lr=1e-2, momentum=0.9, weight_decay=1e-3)
scheduler = CosineAnnealingLR(optimizer, T_max=15, eta_min=0.1)


def train_step(inputs: dict[str, Tensor], targets: Tensor) -> None:
    """Train on one batch."""
    optimizer.zero_grad()
    prices = net(inputs["numbers"], inputs["category"])
    loss = functional.huber_loss(prices, targets, delta=0.5)
    loss.backward()
    optimizer.step()
    scheduler.step()
