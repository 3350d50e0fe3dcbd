"""The port as it was first written. Where it differs from `port.py`, it is wrong."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Net(nn.Module):
    """The autoencoder, which returns logits: the loss has the sigmoid in it."""

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Conv2d(1, 8, 3, stride=2, padding=1)
        self.down2 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.up1 = nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1)
        self.up2 = nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1, output_padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the pixels of images (batch, height, width, 1)."""
        x = images.permute(0, 3, 1, 2)
        x = functional.relu(self.down1(x))
        x = functional.relu(self.down2(x))
        x = functional.relu(self.up1(x))
        logits: Tensor = self.up2(x)
        return logits.permute(0, 2, 3, 1)


net = Net()
optimizer = torch.optim.RMSprop(net.parameters(), lr=1e-3, alpha=0.9)


def train_step(images: Tensor, targets: Tensor) -> None:
    """Train on one batch."""
    optimizer.zero_grad()
    loss = functional.binary_cross_entropy_with_logits(net(images), targets)
    loss.backward()
    optimizer.step()
