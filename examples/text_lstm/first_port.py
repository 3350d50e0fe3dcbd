"""The port as it was first written. Where it differs from `port.py`, it is wrong."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Net(nn.Module):
    """The network, which returns logits: the loss has the sigmoid in it."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 16)
        self.lstm = nn.LSTM(16, 16, batch_first=True)
        self.head = nn.Linear(16, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits (batch, 1) of texts (batch, tokens)."""
        outputs, _ = self.lstm(self.embedding(tokens))
        logits: Tensor = self.head(outputs[:, -1])
        return logits


net = Net()
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)


def train_step(tokens: Tensor, kinds: Tensor) -> None:
    """Train on one batch."""
    optimizer.zero_grad()
    loss = functional.binary_cross_entropy_with_logits(net(tokens), kinds)
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 0.1)
    optimizer.step()
