"""The port as it was first written. Where it differs from `port.py`, it is wrong."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR


class Net(nn.Module):
    """The network, which returns logits: `cross_entropy` has the softmax in it."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(30, 16)
        self.positions = nn.Embedding(12, 16)
        self.attention = nn.MultiheadAttention(16, num_heads=4, batch_first=True)
        self.norm1 = nn.LayerNorm(16)
        self.up = nn.Linear(16, 32)
        self.down = nn.Linear(32, 16)
        self.dropout = nn.Dropout(0.1)
        self.norm2 = nn.LayerNorm(16)
        self.head = nn.Linear(16, 4)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits (batch, 4) of tokens (batch, 12)."""
        x = self.tokens(tokens) + self.positions(torch.arange(12, device=tokens.device))
        attended, _ = self.attention(x, x, x, need_weights=False)
        x = self.norm1(x + attended)
        hidden = functional.gelu(self.up(x))
        x = self.norm2(x + self.dropout(self.down(hidden)))
        logits: Tensor = self.head(x.mean(1))
        return logits


def warm_up_and_cosine(step: int) -> float:
    """Return the part of the rate: up in 5 steps, then down along a cosine in 30."""
    if step < 5:
        return (step + 1) / 5
    return (1 + math.cos(math.pi * min((step - 5) / 30, 1))) / 2


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
scheduler = LambdaLR(optimizer, warm_up_and_cosine)


def train_step(tokens: Tensor, labels: Tensor) -> None:
    """Train on one batch."""
    optimizer.zero_grad()
    loss = functional.cross_entropy(net(tokens), labels)
    loss.backward()
    optimizer.step()
    scheduler.step()
