"""The mended port, which is the same computation as `keras_model.py`."""

from torch import Tensor, nn
from torch.nn import functional

from keras_for_torch import KerasAdam
from keras_for_torch.batch_norm import KerasBatchNorm2d


class Net(nn.Module):
    """The network, which returns logits: `cross_entropy` has the softmax in it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, stride=2, bias=False)
        self.norm1 = KerasBatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, bias=False)
        self.norm2 = KerasBatchNorm2d(16)
        self.hidden = nn.Linear(4 * 4 * 16, 32)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(32, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of images (batch, height, width, channels), as Keras has them."""
        x = images.permute(0, 3, 1, 2)
        x = functional.relu(self.norm1(self.conv1(functional.pad(x, (0, 1, 0, 1)))))
        x = functional.relu(self.norm2(self.conv2(functional.pad(x, (0, 1, 0, 1)))))
        x = x.permute(0, 2, 3, 1).flatten(1)
        x = self.dropout(functional.relu(self.hidden(x)))
        logits: Tensor = self.head(x)
        return logits


net = Net()
optimizer = KerasAdam(net.parameters(), lr=1e-3)


def train_step(images: Tensor, labels: Tensor) -> None:
    """Train on one batch."""
    optimizer.zero_grad()
    loss = functional.cross_entropy(net(images), labels)
    loss.backward()
    optimizer.step()
