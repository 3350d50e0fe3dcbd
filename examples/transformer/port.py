"""The mended port, which is the same computation as `keras_model.py`."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from keras_for_torch import CosineDecay, KerasAdam, KerasScheduler


class Net(nn.Module):
    """The network, which returns logits: `cross_entropy` has the softmax in it."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(30, 16, sparse=True)
        self.positions = nn.Embedding(12, 16)
        self.attention = nn.MultiheadAttention(16, num_heads=4, batch_first=True)
        self.norm1 = nn.LayerNorm(16, eps=1e-3)
        self.up = nn.Linear(16, 32)
        self.down = nn.Linear(32, 16)
        self.dropout = nn.Dropout(0.1)
        self.norm2 = nn.LayerNorm(16, eps=1e-3)
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


net = Net()
optimizer = KerasAdam(net.parameters(), lr=1e-3)
schedule = CosineDecay(0.0, decay_steps=30, warmup_target=1e-3, warmup_steps=5)
scheduler = KerasScheduler(optimizer, schedule)


def train_step(tokens: Tensor, labels: Tensor) -> None:
    """Train on one batch."""
    optimizer.zero_grad()
    loss = functional.cross_entropy(net(tokens), labels)
    loss.backward()
    optimizer.step()
    scheduler.step()
