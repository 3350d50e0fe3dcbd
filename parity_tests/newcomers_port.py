"""An ordinary port, as a newcomer would write it: only its interface is that of the ladder.

Its mistakes are written here independently of `known_differences`: no test may find a cause by
comparing a planted fault with itself.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from cnn_experiment import Experiment
from parity_ladder import Shapes, Side, State, Step
from parity_tests.digit_batches import DigitBatch

L2 = float(np.float32(1e-3))


def to_torch(array: NDArray[Any]) -> torch.Tensor:
    """Transpose a kernel from Keras' layout to PyTorch's."""
    axes = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[array.ndim]
    return torch.from_numpy(array.transpose(axes).copy())


def to_keras(tensor: torch.Tensor) -> NDArray[Any]:
    """Transpose a kernel from PyTorch's layout to Keras'."""
    array = tensor.detach().numpy()
    return array.transpose({4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}[array.ndim]).copy()


class NewcomersPort(Side[DigitBatch]):
    """An `nn.Sequential` and a stock optimizer, as in the usual PyTorch examples.

    By default only the optimizer is wrong: `torch.optim.RMSprop` has another equation than Keras'
    RMSprop. `keras_equation` corrects it. The other arguments add mistakes.
    """

    def __init__(
        self,
        experiment: Experiment,
        *,
        filters: Sequence[int] = (4, 6, 8),
        units: int = 12,
        keras_equation: bool = False,
        alpha: float = 0.9,
        epsilon: float = 1e-7,
        stock_flatten: bool = False,
        decay_everywhere: bool = False,
        decay_biases: bool = False,
        unrounded_decay: bool = False,
        rate_in_doubles: bool = False,
        rate_one_step_late: bool = False,
        mean_of_batches: bool = False,
        loss_without_penalty: bool = False,
    ) -> None:
        self.experiment = experiment
        self.mistakes = {name: value for name, value in locals().items() if value is True}
        self.keras_equation, self.alpha, self.epsilon = keras_equation, alpha, epsilon
        one, two, three = filters
        first, second, third = (
            nn.Conv2d(1, one, 3),
            nn.Conv2d(one, two, 3),
            nn.Conv2d(two, three, 3),
        )
        pool = nn.MaxPool2d(2)
        maps = (first, nn.ReLU(), pool, second, nn.ReLU(), pool, third, nn.ReLU())
        self.maps = nn.Sequential(*maps).double()
        self.head = nn.Sequential(
            nn.Linear(9 * filters[-1], units), nn.ReLU(), nn.Linear(units, 10)
        )
        self.head.double()

    def named(self) -> dict[str, nn.Parameter]:
        """Return the parameters by the names of Keras' layers."""
        layers = ("conv2d_1", "conv2d_2", "conv2d_3", "dense_1", "dense_2")
        names = [f"{layer}/{kind}" for layer in layers for kind in ("kernel", "bias")]
        parameters = [*self.maps.parameters(), *self.head.parameters()]
        return dict(zip(names, parameters, strict=True))

    def variable_shapes(self) -> Shapes:
        """Return the shapes of the modules' parameters."""
        return {name: to_keras(parameter).shape for name, parameter in self.named().items()}

    def decay(self, name: str) -> float:
        """Return the weight decay of a parameter."""
        strength = 1e-3 if "unrounded_decay" in self.mistakes else L2
        is_dense, is_kernel = name.startswith("dense"), name.endswith("kernel")
        everywhere = "decay_everywhere" in self.mistakes
        biases = everywhere or (is_dense and "decay_biases" in self.mistakes)
        decays = (is_kernel and (is_dense or everywhere)) or (not is_kernel and biases)
        return 2 * strength if decays else 0.0

    def rate(self, iteration: int) -> float:
        """Return the learning rate of an update."""
        late = iteration - 1 if "rate_one_step_late" in self.mistakes else iteration
        if "rate_in_doubles" in self.mistakes:
            return 1e-3 / (1 + 1e-3 * max(late, 0))
        return float(self.experiment.schedule.rates(max(late, 0), "float64"))

    def step(self, state: State, batch: DigitBatch) -> Step:
        """Load the weights of `state` into the modules, and take one ordinary training step."""
        named, rate = self.named(), self.rate(state.iteration)
        for name, parameter in named.items():
            parameter.data = to_torch(state.weights[name])
            parameter.grad = None

        features = self.maps(torch.from_numpy(batch.images_nhwc).permute(0, 3, 1, 2))
        flat = features if "stock_flatten" in self.mistakes else features.permute(0, 2, 3, 1)
        logits = self.head(flat.flatten(1))
        loss = functional.cross_entropy(logits, torch.from_numpy(batch.labels))
        loss.backward()  # type: ignore[no-untyped-call]

        penalty = sum(
            self.decay(name) / 2 * parameter.detach().square().sum().item()
            for name, parameter in named.items()
        )
        gradients = {
            name: parameter.grad + self.decay(name) * parameter.detach()
            for name, parameter in named.items()
            if parameter.grad is not None
        }
        velocity, momentum = self.update(named, gradients, state, rate)
        kept = {f"velocity/{name}": to_keras(array) for name, array in velocity.items()}
        kept |= {f"momentum/{name}": to_keras(array) for name, array in momentum.items()}
        weights = {name: to_keras(parameter) for name, parameter in named.items()}
        return Step(
            state=State(weights, kept, state.iteration + 1),
            data_loss=loss.item(),
            penalty=penalty,
            gradients={name: to_keras(gradient) for name, gradient in gradients.items()},
            learning_rate=rate,
            hits=int((logits.argmax(1).numpy() == batch.labels).sum()),
            size=len(batch.labels),
        )

    def update(
        self,
        named: dict[str, nn.Parameter],
        gradients: dict[str, torch.Tensor],
        state: State,
        rate: float,
    ) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Update the parameters; return what the optimizer keeps: velocities and momenta."""
        velocity = {name: to_torch(state.optimizer[f"velocity/{name}"]) for name in named}
        momentum = {name: to_torch(state.optimizer[f"momentum/{name}"]) for name in named}
        if self.keras_equation:
            for name, parameter in named.items():
                square = gradients[name].square()
                velocity[name] = self.alpha * velocity[name] + (1 - self.alpha) * square
                scaled = gradients[name] / (velocity[name] + self.epsilon).sqrt()
                momentum[name] = 0.9 * momentum[name] + rate * scaled
                parameter.data = parameter.data - momentum[name]
            return velocity, momentum

        groups = [{"params": [p], "weight_decay": self.decay(name)} for name, p in named.items()]
        optimizer = torch.optim.RMSprop(
            groups, lr=rate, alpha=self.alpha, eps=self.epsilon, momentum=0.9
        )
        for name, parameter in named.items():
            optimizer.state[parameter] = {
                "step": torch.tensor(float(state.iteration)),
                "square_avg": velocity[name],
                "momentum_buffer": momentum[name],
            }
        optimizer.step()
        return (
            {name: optimizer.state[p]["square_avg"] for name, p in named.items()},
            {name: optimizer.state[p]["momentum_buffer"] for name, p in named.items()},
        )

    def epoch_metrics(self, steps: Sequence[Step]) -> dict[str, float]:
        """Average the losses over the epoch."""
        penalised = "loss_without_penalty" not in self.mistakes
        sizes = [1 if "mean_of_batches" in self.mistakes else step.size or 0 for step in steps]
        losses = [(s.data_loss or 0.0) + (s.penalty or 0.0) * penalised for s in steps]
        loss = sum(value * size for value, size in zip(losses, sizes, strict=True)) / sum(sizes)
        hits, images = (sum(getattr(s, what) for s in steps) for what in ("hits", "size"))
        return {"loss": loss, "accuracy": hits / images}
