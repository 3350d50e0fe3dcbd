"""The mended port, which is the same computation as `keras_model.py`."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from keras_for_torch import KerasAdamW


class Net(nn.Module):
    """The network, which returns logits: the loss has the sigmoid in it."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 16, sparse=True)
        self.lstm = nn.LSTM(16, 16, batch_first=True)
        self.lstm.bias_hh_l0 = nn.Parameter(torch.zeros(4 * 16), requires_grad=False)
        self.head = nn.Linear(16, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits (batch, 1) of texts (batch, tokens)."""
        outputs, _ = self.lstm(self.embedding(tokens))
        logits: Tensor = self.head(outputs[:, -1])
        return logits


net = Net()
optimizer = KerasAdamW(net.parameters(), lr=1e-2, clipnorm=0.1)


def train_step(tokens: Tensor, kinds: Tensor) -> None:
    """Train on one batch."""
    optimizer.zero_grad()
    loss = functional.binary_cross_entropy_with_logits(net(tokens), kinds)
    loss.backward()
    optimizer.step()
