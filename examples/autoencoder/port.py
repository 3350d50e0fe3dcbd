"""The mended port, which is the same computation as `keras_model.py`."""

from torch import Tensor, nn
from torch.nn import functional

from keras_for_torch import KerasRMSprop


class Net(nn.Module):
    """The autoencoder, which returns logits: the loss has the sigmoid in it."""

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Conv2d(1, 8, 3, stride=2)
        self.down2 = nn.Conv2d(8, 16, 3, stride=2)
        self.up1 = nn.ConvTranspose2d(16, 8, 3, stride=2)
        self.up2 = nn.ConvTranspose2d(8, 1, 3, stride=2)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the pixels of images (batch, height, width, 1)."""
        x = images.permute(0, 3, 1, 2)
        x = functional.relu(self.down1(functional.pad(x, (0, 1, 0, 1))))
        x = functional.relu(self.down2(functional.pad(x, (0, 1, 0, 1))))
        x = functional.relu(self.up1(x)[..., :-1, :-1])
        logits: Tensor = self.up2(x)[..., :-1, :-1]
        return logits.permute(0, 2, 3, 1)


net = Net()
optimizer = KerasRMSprop(net.parameters(), lr=1e-3)


def train_step(images: Tensor, targets: Tensor) -> None:
    """Train on one batch."""
    optimizer.zero_grad()
    loss = functional.binary_cross_entropy_with_logits(net(images), targets)
    loss.backward()
    optimizer.step()
